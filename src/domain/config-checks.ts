import { kindOfHost } from './address.ts';
import type { Problem } from './issues.ts';

/** `unknown task "sumarize"; known: coding, summarize`. */
export function unknownName(kind: string, name: string, known: object): string {
  const names = Object.keys(known).toSorted();
  const shown = names.slice(0, 12).join(', ') + (names.length > 12 ? `, and ${names.length - 12} more` : '');
  return `unknown ${kind} "${name}"; ${names.length === 0 ? `no ${kind} is declared` : `known: ${shown}`}`;
}

/**
 * Names that are used and not declared. Runs beside the schema, so that all that is wrong is told at once: any part of
 * the configuration may be missing or of the wrong type, which is then the schema's to tell.
 */
export function problemsOfReferences(config: object): Problem[] {
  const sections = config as Record<string, unknown>;
  const declared = {
    provider: sections['providers'],
    model: sections['models'],
    task: sections['tasks'],
    lane: sections['lanes'],
  };
  const problems: Problem[] = [];
  const require = (kind: keyof typeof declared, name: unknown, ...path: (string | number)[]): void => {
    const known = declared[kind];
    if (typeof name !== 'string' || !isRecord(known) || Object.hasOwn(known, name)) return;
    problems.push({ path, message: unknownName(kind, name, known) });
  };
  const requireAll = (kind: keyof typeof declared, names: unknown, ...path: (string | number)[]): void => {
    if (Array.isArray(names)) for (const [index, name] of names.entries()) require(kind, name, ...path, index);
  };

  for (const [alias, model] of entriesOf(declared.model)) {
    require('provider', model['provider'], 'models', alias, 'provider');
    problems.push(...problemsOfEmbedding(alias, model, recordOf(declared.provider)));
    for (const task of Object.keys(recordOf(model['scores']))) {
      if (task !== 'default') require('task', task, 'models', alias, 'scores', task);
    }
  }
  for (const [name, task] of entriesOf(declared.task)) {
    requireAll('model', task['models'], 'tasks', name, 'models');
    require('lane', task['lane'], 'tasks', name, 'lane');
  }
  for (const [name, experiment] of entriesOf(sections['experiments'])) {
    requireAll('task', experiment['tasks'], 'experiments', name, 'tasks');
    for (const [variant, { models }] of entriesOf(experiment['variants'])) {
      requireAll('model', models, 'experiments', name, 'variants', variant, 'models');
    }
  }
  problems.push(...problemsOfExperiments(entriesOf(sections['experiments'])));
  for (const [name, budget] of entriesOf(sections['budgets'])) {
    for (const kind of ['task', 'model', 'provider'] as const) require(kind, budget[kind], 'budgets', name, kind);
  }
  for (const [name, limit] of entriesOf(sections['limits'])) {
    for (const kind of ['task', 'lane'] as const) require(kind, limit[kind], 'limits', name, kind);
  }
  return problems;
}

/** A model that embeds does nothing else, and not every API has words for it. */
function problemsOfEmbedding(
  alias: string,
  { capabilities, provider }: Record<string, unknown>,
  providers: Record<string, unknown>,
): Problem[] {
  if (!Array.isArray(capabilities) || !capabilities.includes('embeddings')) return [];
  const path = ['models', alias, 'capabilities'];
  if (typeof provider === 'string' && recordOf(providers[provider])['kind'] === 'anthropic') {
    return [{ path, message: `embeddings: provider "${provider}" is of kind anthropic, whose API has none` }];
  }
  if (capabilities.length === 1) return [];
  return [{ path, message: 'embeddings stands alone: a model with it embeds, and does not chat' }];
}

/** Sums of tenths come out a little above what they are. */
const ROUNDING = 1e-9;

/** What is wrong with experiments taken together: groups with more than all users, variants that cannot be told apart. */
function problemsOfExperiments(experiments: readonly [string, Record<string, unknown>][]): Problem[] {
  const problems: Problem[] = [];
  const labels = new Map<string, string>();
  const groups = Map.groupBy(experiments, ([, { exclusion_group }]) => exclusion_group);
  for (const [group, members] of groups) {
    const shares = members.map(([, { share = 1 }]) => (typeof share === 'number' ? share : 0));
    const sum = shares.reduce((sum, share) => sum + share, 0);
    const last = members.at(-1);
    if (typeof group !== 'string' || sum <= 1 + ROUNDING || last === undefined) continue;
    const names = members.map(([name]) => name).join(', ');
    const message = `the shares of exclusion group "${group}" (${names}) are ${Number(sum.toFixed(6))} together; 1 at the most`;
    problems.push({ path: ['experiments', last[0], 'share'], message });
  }
  for (const [name, { variants }] of experiments) {
    for (const variant of Object.keys(recordOf(variants))) {
      const label = `${name}:${variant}`;
      const other = labels.get(label);
      labels.set(label, name);
      if (other === undefined) continue;
      const message = `is called ${label} in records, and so is one of experiment "${other}"; rename one of them`;
      problems.push({ path: ['experiments', name, 'variants', variant], message });
    }
  }
  return problems;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function recordOf(value: unknown): Record<string, unknown> {
  return isRecord(value) ? value : {};
}

function entriesOf(map: unknown): [string, Record<string, unknown>][] {
  return Object.entries(recordOf(map)).map(([name, entry]) => [name, recordOf(entry)]);
}

/** Why a provider must not be called at this base URL, or undefined when it may be. */
export function problemOfBaseUrl(text: string, allowPrivate: boolean): string | undefined {
  // The text is not repeated: it may hold a password.
  if (!URL.canParse(text)) return 'not a URL; expected one such as https://openrouter.ai/api/v1';
  const url = new URL(text);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return `only http and https, got ${url.protocol}//`;
  if (url.username !== '' || url.password !== '') return 'no user or password in the URL; use api_key';
  if (url.search !== '' || url.hash !== '') return 'no query and no fragment in the URL';
  const kind = kindOfHost(url.hostname);
  if (kind === 'forbidden') return `${url.hostname} is a link-local or reserved address and is never called`;
  if (kind === 'private' && !allowPrivate)
    return `${url.hostname} is private; set allow_private: true if that is meant`;
  // A name may turn out to be private; the HTTP client looks when it connects.
  if (url.protocol === 'http:' && (kind === 'public' || !allowPrivate)) {
    return 'http would send the key in the clear; use https';
  }
  return undefined;
}

const PLACEHOLDER =
  /^(sk[-_])?(or-v1-|ant-|proj-)?(x{3,}|\*{3,}|\.{3,})$|\byour[-_ ]|\bkey[-_]here\b|^(change[-_]?me|placeholder|todo)$|^<.*>$|\$\{/i;

/** Why a text is no API key, or undefined when it may be one. Never repeats the text. */
export function problemOfKey(key: string): string | undefined {
  if (key === '') return 'is empty; give the key, or leave api_key out when the provider needs none';
  if (!/^[\x21-\x7e]+$/.test(key)) return 'a key has printable characters only, without spaces or line breaks';
  if (PLACEHOLDER.test(key)) return 'is a placeholder, not a key; put in the real one';
  return undefined;
}
