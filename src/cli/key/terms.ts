import { type Command, InvalidArgumentError, Option } from 'commander';
import { ApiKeyTerms } from '../../domain/api-key.ts';
import type { BudgetWindow } from '../../domain/budget.ts';
import { type Config, WINDOWS, unknownName } from '../../domain/config.ts';
import { parseDuration } from '../../domain/duration.ts';
import { InputError } from '../../domain/errors.ts';
import { check } from '../../domain/issues.ts';
import { nanosToUsd } from '../../domain/money.ts';
import { parseLimit } from '../budget-target.ts';
import { parseCount } from '../options.ts';

/** The flags that say what a key may do; false takes a limit away. */
export type TermFlags = {
  name?: string;
  account?: string;
  models?: string[] | false;
  lanes?: string[] | false;
  rpm?: number | false;
  tpm?: number | false;
  concurrency?: number | false;
  budget?: number | false;
  window?: BudgetWindow;
  /** Epoch milliseconds. */
  expires?: number | false;
};

const NONE = 'none';

/** The word `none` stands for no limit at all: false, since commander takes null for an option without a value. */
function orNone<Value>(parse: (text: string) => Value): (text: string) => Value | false {
  return (text) => (text === NONE ? false : parse(text));
}

export function withTermFlags(command: Command): Command {
  return command
    .option('--account <name>', 'who pays, and whose files and batches it sees')
    .option('--models <aliases>', 'the only models that it may use; with commas between', orNone(parseNames))
    .option('--lanes <names>', 'the only lanes that it may use; with commas between', orNone(parseNames))
    .option('--rpm <n>', 'requests a minute', orNone(parseCount))
    .option('--tpm <n>', 'tokens a minute', orNone(parseCount))
    .option('--concurrency <n>', 'requests at a time', orNone(parseCount))
    .option('--budget <usd>', 'what it may spend', orNone(parseBudget))
    .addOption(new Option('--window <window>', 'in which it may spend that').choices(WINDOWS))
    .option('--expires <when>', 'after 30d, 12h, or at 2027-01-01 (UTC)', orNone(parseExpiry));
}

/** The terms with what the flags say. Throws an InputError, a line a problem; unknown models and lanes are some. */
export function changeTerms(terms: Partial<ApiKeyTerms>, flags: TermFlags, config: Config): ApiKeyTerms {
  const { name, account, models, lanes, rpm, tpm, concurrency, budget, window, expires } = flags;
  const changed = {
    name: name ?? terms.name,
    account: account ?? terms.account,
    models: changeOf(models, terms.models),
    lanes: changeOf(lanes, terms.lanes),
    requests_per_minute: changeOf(rpm, terms.requests_per_minute),
    tokens_per_minute: changeOf(tpm, terms.tokens_per_minute),
    concurrency: changeOf(concurrency, terms.concurrency),
    budget_usd: changeOf(budget, terms.budget_usd),
    budget_window: window ?? terms.budget_window,
    expires_at: changeOf(expires, terms.expires_at),
  };
  if (window !== undefined && changed.budget_usd === undefined) {
    throw new InputError('--window says when what may be spent begins anew; give --budget, too');
  }
  const checked = check(ApiKeyTerms, changed);
  const problems = checked.ok ? [] : checked.problems.map(({ path, message }) => `--${flagOf(path[0])}: ${message}`);
  // What a key was allowed that is not configured any more is for the gateway to tell, and no reason not to raise a limit.
  problems.push(...problemsOfNames('model', models, config.models), ...problemsOfNames('lane', lanes, config.lanes));
  if (!checked.ok || problems.length > 0) throw new InputError(problems);
  return checked.value;
}

function flagOf(field: string | number | undefined): string {
  const flags: Record<string, string> = {
    requests_per_minute: 'rpm',
    tokens_per_minute: 'tpm',
    budget_usd: 'budget',
    expires_at: 'expires',
  };
  return flags[field ?? ''] ?? String(field);
}

function changeOf<Value>(flag: Value | false | undefined, before: Value | undefined): Value | undefined {
  if (flag === undefined) return before;
  return flag === false ? undefined : flag;
}

function problemsOfNames(kind: string, names: readonly string[] | false | undefined, known: object): string[] {
  return (names || []).filter((name) => !Object.hasOwn(known, name)).map((name) => unknownName(kind, name, known));
}

function parseNames(text: string): string[] {
  const names = [...new Set(text.split(',').map((name) => name.trim()))];
  if (names.every((name) => name !== '')) return names;
  throw new InvalidArgumentError('Give names with commas between, or none.');
}

function parseBudget(text: string): number {
  return nanosToUsd(parseLimit(text));
}

/** A duration from now on, or a date in UTC. */
function parseExpiry(text: string): number {
  const now = Date.now();
  const durationMs = parseDuration(text);
  const isDate = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d)?Z)?$/.test(text);
  const time = durationMs === undefined ? (isDate ? Date.parse(text) : Number.NaN) : now + durationMs;
  if (time > now) return time;
  throw new InvalidArgumentError('Give a duration such as 12h or 30d, a date to come such as 2027-01-01, or none.');
}
