import type { IncomingHttpHeaders } from 'node:http';
import { z } from 'zod';
import type { Config } from '../domain/config.ts';
import { type Problem, check, show, suggestion } from '../domain/issues.ts';
import { type PromptJob, Strategy } from '../domain/job.ts';
import { ANSWER_CHECKS } from '../domain/validation.ts';
import type { Asked } from './face.ts';
import { errorOfProblems } from './failures.ts';
import { type NamedModel, resolveModel } from './model-names.ts';
import { applyPreferences } from './preferences.ts';

const whole = z
  .string()
  .regex(/^\d{1,15}$/, 'expected a whole number')
  .transform(Number);
const usd = z
  .string()
  .regex(/^\d{1,9}(\.\d{1,12})?$/, 'expected a number of USD')
  .transform(Number);
const flag = z.enum(['true', 'false']).transform((text) => text === 'true');

/**
 * What may be asked of Sluice beside the API's own words: as a header `x-sluice-max-cost-usd`, or as an entry
 * `sluice_max_cost_usd` of `metadata`. A header stands above an entry.
 */
const Wishes = z.strictObject({
  task: z.string().optional(),
  user: z.string().min(1).max(256).optional(),
  lane: z.string().optional(),
  cache: flag.optional(),
  strategy: Strategy.optional(),
  max_cost_usd: usd.optional(),
  max_total_usd: usd.optional(),
  max_latency_ms: whole.optional(),
  max_attempts: whole.optional(),
  deadline_ms: whole.optional(),
  answer_value_usd: usd.optional(),
  validate: z
    .string()
    .transform((text) => text.split(',').map((name) => name.trim()))
    .pipe(z.array(z.enum(ANSWER_CHECKS)))
    .optional(),
});
export type Wishes = z.infer<typeof Wishes>;

const HEADER_PREFIX = 'x-sluice-';
const METADATA_PREFIX = 'sluice_';
/** Headers of ours that say something else; this one is for batches. */
const OTHER_HEADERS: ReadonlySet<string> = new Set(['callback_url']);

/**
 * The job that a request asks for. Throws an ApiError: 400 for a wish that cannot be read, 404 for an unknown model.
 */
export function jobOf(asked: Asked, headers: IncomingHttpHeaders, config: Config): PromptJob {
  const { job } = asked;
  const { wishes: entries, metadata } = wishesOfMetadata(job.metadata);
  const wishes = { ...entries, ...readWishes(headersOf(headers), 'headers') };
  const { models, ...named } = applyPreferences(nameModels(asked, config), asked.provider, config);
  const { metadata: _all, ...request } = job;
  return {
    ...request,
    ...named,
    ...(models?.length === 1 ? { model: models[0] } : models && { models: [...models] }),
    ...wishes,
    ...(metadata && { metadata }),
  };
}

/** A list of models is one of fallbacks, in its order; `sluice/auto` in it leaves the choice to the router. */
function nameModels({ model, models = [] }: Asked, config: Config): NamedModel {
  const first = resolveModel(model, config);
  if (models.length === 0 || first.models === undefined) return first;
  const all = [first, ...models.map((name) => resolveModel(name, config))];
  if (all.some((named) => named.models === undefined)) return {};
  return { ...first, models: [...new Set(all.flatMap((named) => named.models ?? []))], strategy: 'order' };
}

/** What entries of `metadata` ask for, and what is left of it. Throws an ApiError 400 for one that cannot be read. */
export function wishesOfMetadata(all: Record<string, string> | undefined): {
  wishes: Wishes;
  metadata: Record<string, string> | undefined;
} {
  const { own, metadata } = splitMetadata(all);
  return { wishes: readWishes(own, 'metadata'), metadata };
}

const isOwn = ([name]: [string, string]): boolean => name.startsWith(METADATA_PREFIX);

function splitMetadata(metadata: Record<string, string> | undefined): {
  own: Record<string, string>;
  metadata: Record<string, string> | undefined;
} {
  const entries = Object.entries(metadata ?? {});
  const others = entries.filter((entry) => !isOwn(entry));
  return {
    own: Object.fromEntries(
      entries.filter(isOwn).map(([name, value]) => [name.slice(METADATA_PREFIX.length).replaceAll('-', '_'), value]),
    ),
    metadata: others.length === 0 ? undefined : Object.fromEntries(others),
  };
}

function headersOf(headers: IncomingHttpHeaders): Record<string, string> {
  const named = Object.entries(headers)
    .filter((entry): entry is [string, string] => entry[0].startsWith(HEADER_PREFIX) && typeof entry[1] === 'string')
    .map(([name, value]): [string, string] => [name.slice(HEADER_PREFIX.length).replaceAll('-', '_'), value]);
  return Object.fromEntries(named.filter(([name]) => !OTHER_HEADERS.has(name)));
}

function readWishes(texts: Record<string, string>, where: 'headers' | 'metadata'): Wishes {
  const names = Object.keys(texts);
  if (names.length === 0) return {};
  const unknown = names.filter((name) => !Object.hasOwn(Wishes.shape, name));
  const known = Object.keys(Wishes.shape).map((name) => shownAs(name, where));
  const strangers = unknown.map((name): Problem => {
    const shown = shownAs(name, where);
    return { path: [where], message: `${show(shown)} is none of Sluice's${suggestion(shown, known)}` };
  });
  const checked = check(Wishes, Object.fromEntries(Object.entries(texts).filter(([name]) => !unknown.includes(name))));
  if (checked.ok && strangers.length === 0) return checked.value;
  const misread = checked.ok ? [] : checked.problems;
  const placed = misread.map(({ path: [name = '', ...path], message }): Problem => {
    const shown = shownAs(String(name), where);
    return { path: where === 'metadata' ? [where, shown, ...path] : [shown, ...path], message };
  });
  throw errorOfProblems([...strangers, ...placed]);
}

/** As the caller writes it. */
function shownAs(name: string, where: 'headers' | 'metadata'): string {
  return where === 'metadata' ? `${METADATA_PREFIX}${name}` : `${HEADER_PREFIX}${name.replaceAll('_', '-')}`;
}
