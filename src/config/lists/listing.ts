import type { z } from 'zod';
import { InputError } from '../../domain/errors.ts';
import { check, formatProblem, type Problem, suggestion } from '../../domain/issues.ts';
import { ModelConfig } from '../../domain/model-config.ts';

/** A model as it would stand in the configuration, without the name that it gets there. */
export type ModelEntry = z.input<typeof ModelConfig>;

/** What was taken from somebody's list of models. */
export type Listing = {
  models: ModelEntry[];
  /** One line for each model that was asked for and cannot be had, with the reason. */
  skipped: string[];
};

export type ListOptions = {
  /** Ids, in which `*` stands for anything. */
  only: readonly string[];
  /** The provider of the configuration whose models they are. */
  provider: string | undefined;
  /** When the list was read: `2026-11-22`. */
  date: string;
};

/** One model of a list: what it is to be, why it cannot be had, or what is wrong with it. */
export type Listed = { model: ModelEntry } | { skipped: string } | { problems: readonly Problem[] };

const BAD_ENTRIES_TOLD = 20;

/**
 * Reads the entries that are wanted. All of them have to be good: a list that is broken in one place is not to be
 * trusted in the others, and what the configuration said before still holds.
 */
export function readListing(
  entries: Iterable<readonly [label: string, id: string, entry: unknown]>,
  name: string,
  only: readonly string[],
  read: (id: string, entry: unknown) => Listed,
): Listing {
  const isWanted = selectorOf(only);
  const ids: string[] = [];
  const models: ModelEntry[] = [];
  const skipped: string[] = [];
  const bad: string[] = [];
  for (const [label, id, entry] of entries) {
    ids.push(id);
    if (!isWanted(id)) continue;
    const listed = withChecks(read(id, entry));
    if ('model' in listed) models.push(listed.model);
    else if ('skipped' in listed) skipped.push(`${id}: ${listed.skipped}`);
    else bad.push(...listed.problems.map((problem) => `${name}: ${label}: ${formatProblem(problem)}`));
  }
  if (bad.length > 0) {
    const untold = bad.length - BAD_ENTRIES_TOLD;
    throw new InputError([...bad.slice(0, BAD_ENTRIES_TOLD), ...(untold > 0 ? [`and ${untold} more`] : [])]);
  }
  if (models.length + skipped.length === 0) {
    const near = only.length === 1 ? suggestion(only[0] ?? '', ids) : '';
    throw new InputError(`${name}: none of its ${ids.length} models is ${only.join(' or ')}${near}`);
  }
  return { models, skipped };
}

function withChecks(listed: Listed): Listed {
  if (!('model' in listed)) return listed;
  const checked = check(ModelConfig, listed.model);
  return checked.ok ? listed : { problems: checked.problems };
}

/** Ids in which `*` stands for anything, in any case. */
function selectorOf(patterns: readonly string[]): (id: string) => boolean {
  const expressions = patterns.map((pattern) => {
    const parts = pattern.split('*').map((part) => part.replaceAll(/[\\^$.|?+()[\]{}]/g, String.raw`\$&`));
    return new RegExp(`^${parts.join('.*')}$`, 'i');
  });
  return (id) => expressions.some((expression) => expression.test(id));
}

/** USD a token, as lists tell it, in USD per million tokens; without what a product of decimals leaves behind. */
export function perMillion(usdPerToken: number): number {
  return Number((usdPerToken * 1_000_000).toPrecision(12));
}

export function parseJson(text: string, name: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    const place = /\(line (\d+) column (\d+)\)/.exec(error instanceof Error ? error.message : '');
    throw new InputError(place === null ? `${name}: not JSON` : `${name}:${place[1]}:${place[2]}: not JSON`);
  }
}
