import { existsSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { type Config, ModelPrice } from '../domain/config.ts';
import { Name } from '../domain/name.ts';
import type { PriceCatalogue } from './price-catalogue.ts';
import { withKnownPrices } from './prices.ts';
import { readText } from './text-file.ts';
import { yamlOf } from './yaml-edit.ts';
import { checkYaml, parseYaml } from './yaml-text.ts';

const LockedModel = z.strictObject({
  provider: Name,
  id: z.string().min(1).max(256),
  /** Missing when nobody knew it. */
  price: ModelPrice.optional(),
  context: z.int().min(1).optional(),
  /** Who said the price: `config`, or a catalogue with its version. */
  source: z.string().min(1).max(128),
  /** When it was locked. */
  date: z.iso.date(),
});
export type LockedModel = z.infer<typeof LockedModel>;

/**
 * The shape of the lock file: what each model cost on the day on which it was written. Models without a price of their
 * own keep that price until they are locked anew, whatever a newer catalogue says.
 */
export const Lock = z.strictObject({ version: z.literal(1), models: z.record(Name, LockedModel) });
export type Lock = z.infer<typeof Lock>;

/** `sluice.lock.yaml` beside `sluice.yaml`. */
export function lockFileOf(configFile: string): string {
  return `${configFile.replace(/\.ya?ml$/, '')}.lock.yaml`;
}

/** The lock beside a configuration file, when there is one. */
export function findLock(configFile: string): Lock | undefined {
  const path = lockFileOf(configFile);
  if (!existsSync(path)) return undefined;
  const yaml = parseYaml(readText(path), path);
  return checkYaml(Lock, yaml.value, yaml);
}

/** What the lock file would say now: the configuration's own prices, and the catalogue's for the others. */
export function createLock(ownConfig: Config, catalogue: () => PriceCatalogue, date: string): Lock {
  const { models } = withKnownPrices(ownConfig, { lock: () => undefined, catalogue });
  return {
    version: 1,
    models: Object.fromEntries(
      Object.entries(models).map(([alias, { provider, id, price, price_source: source, context }]) => [
        alias,
        {
          provider,
          id,
          ...(price === undefined ? {} : { price }),
          ...(context === undefined ? {} : { context }),
          source: price === undefined ? 'unknown' : (source ?? 'config'),
          date,
        },
      ]),
    ),
  };
}

const HEADING = `# What each model cost when this was written by "sluice models lock". Models without a price of their own in the
# configuration keep these prices until they are locked anew. "sluice models lock --check" shows what that would change.
`;

export function formatLock({ version, models }: Lock): string {
  return `${HEADING}version: ${version}\n${yamlOf('models', models)}`;
}

/** The new lock, in which what has not changed keeps the date on which it was locked first. */
export function keepDates(locked: Lock | undefined, now: Lock): Lock {
  const models = Object.entries(now.models).map(([alias, model]) => {
    const before = locked?.models[alias];
    return [alias, before && isDeepStrictEqual({ ...before, date: model.date }, model) ? before : model] as const;
  });
  return { ...now, models: Object.fromEntries(models) };
}

/** One line for each difference between what is locked and what would be locked now; dates and sources aside. */
export function lockDifferences(locked: Lock, now: Lock): string[] {
  const aliases = [...new Set([...Object.keys(locked.models), ...Object.keys(now.models)])].toSorted();
  return aliases.flatMap((alias) => {
    const [before, after] = [locked.models[alias], now.models[alias]];
    if (before === undefined) return [`${alias}: not in the lock file`];
    if (after === undefined) return [`${alias}: not in the configuration any more`];
    const [was, is] = [factsOf(before), factsOf(after)];
    const names = [...new Set([...Object.keys(was), ...Object.keys(is)])];
    return names
      .filter((name) => was[name] !== is[name])
      .map((name) => `${alias}: ${name} ${was[name] ?? 'not said'} -> ${is[name] ?? 'not said'}`);
  });
}

/** What matters, as flat texts: `price.input`, `price.long_context.0.input`. */
function factsOf({ provider, id, price, context }: LockedModel): Record<string, string> {
  return { provider, id, ...flat('price', price), ...flat('context', context) };
}

function flat(name: string, value: unknown): Record<string, string> {
  if (value === undefined) return {};
  if (typeof value !== 'object' || value === null) return { [name]: JSON.stringify(value) };
  return Object.assign({}, ...Object.entries(value).map(([key, inner]) => flat(`${name}.${key}`, inner))) as Record<
    string,
    string
  >;
}
