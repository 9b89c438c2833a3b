import { isDeepStrictEqual } from 'node:util';
import { InputError } from '../../domain/errors.ts';
import { Name } from '../../domain/name.ts';
import { editYaml } from '../yaml-edit.ts';
import { parseYaml } from '../yaml-text.ts';
import type { ModelEntry } from './listing.ts';

export type Merged = {
  text: string;
  /** One line for each model: what was done with it. */
  changes: string[];
};

type Fields = Readonly<Record<string, unknown>>;

/** What a list knows better than what it told before. */
const UPDATED = ['price', 'price_source', 'context'] as const;

/**
 * Puts models into the text of a configuration: new ones at the end of `models`, under their id; of those that it has
 * already (the same id at the same provider) the price and the context are brought up to date, unless the price is the
 * operator's own. All else, comments and layout too, stays as it is.
 */
export function mergeModels(text: string, name: string, models: readonly ModelEntry[]): Merged {
  const present = modelsIn(parseYaml(text, name).value, name);
  const added = new Map<string, Fields>();
  const updated = new Map<string, Fields>();
  const changes = models.map((model) => {
    const isSame = ([, { id, provider }]: [string, Fields]): boolean => id === model.id && provider === model.provider;
    const [alias, before] = [...present].find(isSame) ?? [];
    if (alias === undefined || before === undefined) {
      const free = freeAlias(model, present);
      present.set(free, model);
      added.set(free, model);
      return `${free}: added`;
    }
    const fields = updatesOf(before, model);
    present.set(alias, { ...before, ...fields });
    const changed = added.has(alias) ? added : updated;
    if (Object.keys(fields).length > 0) changed.set(alias, { ...changed.get(alias), ...fields });
    return `${alias}: ${describe(before, fields)}`;
  });
  return { text: editYaml(text, 'models', { added, updated }), changes };
}

/** An operator's own price, and the context that they put beside none, are theirs. */
function updatesOf(before: Fields, model: ModelEntry): Fields {
  if (hasOwnPrice(before)) return {};
  const isOwnContext = before['context'] !== undefined && before['price'] === undefined;
  const fields = UPDATED.filter((field) => model[field] !== undefined && !(isOwnContext && field === 'context'));
  const changed = fields.filter((field) => !isDeepStrictEqual(before[field], model[field]));
  return Object.fromEntries(changed.map((field) => [field, model[field]]));
}

function hasOwnPrice({ price, price_source: source }: Fields): boolean {
  return price !== undefined && source === undefined;
}

function describe(before: Fields, after: Fields): string {
  if (hasOwnPrice(before)) return 'kept your own price; take it out to have it imported';
  const facts = Object.keys(after).filter((field) => field !== 'price_source');
  if (facts.length === 0) return 'nothing has changed';
  return facts.map((field) => `${field} ${shown(before[field])} -> ${shown(after[field])}`).join(', ');
}

function shown(value: unknown): string {
  return value === undefined ? 'not said' : JSON.stringify(value).replaceAll('"', '');
}

/** The id itself where it is a name and not taken, else something near it. */
function freeAlias({ id, provider }: ModelEntry, taken: ReadonlyMap<string, unknown>): string {
  const plain =
    id
      .replaceAll(/[^\w.:/@-]/g, '-')
      .replace(/^[^A-Za-z0-9]+/, '')
      .slice(0, 90) || 'model';
  const isFree = (alias: string): boolean => Name.safeParse(alias).success && !taken.has(alias);
  const alias = [plain, `${provider}/${plain}`].find(isFree);
  if (alias !== undefined) return alias;
  for (let number = 2; ; number += 1) if (isFree(`${plain}-${number}`)) return `${plain}-${number}`;
}

function modelsIn(config: unknown, name: string): Map<string, Fields> {
  const models = fieldsOf(fieldsOf(config, name)['models'], `${name}: models`);
  return new Map(Object.entries(models).map(([alias, model]) => [alias, fieldsOf(model, `${name}: models.${alias}`)]));
}

function fieldsOf(value: unknown, where: string): Fields {
  if (value === null || value === undefined) return {};
  if (typeof value === 'object' && !Array.isArray(value)) return value as Fields;
  throw new InputError(`${where}: expected a map of names to values`);
}
