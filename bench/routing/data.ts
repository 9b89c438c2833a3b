import { createReadStream } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { RecordedModels, RecordedRow } from '../../src/router/recorded/rows.ts';

/** Recorded outcomes of models: a folder with `rows.jsonl`, a row a prompt, and `models.json`. */

const ROWS_FILE = 'rows.jsonl';
const MODELS_FILE = 'models.json';
export const STRONG_CALL_USD = 0.001;

/** Something that the person who started the benchmark can put right. */
export class InputError extends Error {}

/** By row and model: at `row * models + model`. NaN where nothing was recorded. */
export type Outcomes = { scores: Float64Array; costsUsd: Float64Array; latenciesMs: Float64Array };

export type Dataset = {
  name: string;
  rows: readonly RecordedRow[];
  /** Rows from this one on are those to be judged on; Infinity without such. */
  judgedFrom: number;
  models: RecordedModels;
  aliases: readonly string[];
  outcomes: Outcomes;
  /** Dollars; calls of the strong model, of two models of which nobody says what they cost; or nothing to compare. */
  cost: 'usd' | 'strong-calls' | 'none';
  hasLatencies: boolean;
};

/** The folders of recorded outcomes in `folder`, or itself when it is one. Sorted. */
export async function foldersIn(folder: string, name = ROWS_FILE): Promise<string[]> {
  const root = resolve(folder);
  if (!(await isThere(root))) throw new InputError(`${folder}: there is no such folder`);
  if (await isThere(join(root, name))) return [root];
  const entries = await readdir(root, { withFileTypes: true });
  const folders = entries.filter((entry) => !entry.isFile()).map((entry) => join(root, entry.name));
  const found = await Promise.all(folders.map((path) => isThere(join(path, name))));
  return folders.filter((_, index) => found[index]).sort();
}

export async function readDataset(folder: string, testFile?: string): Promise<Dataset> {
  const models = await readModels(join(folder, MODELS_FILE));
  const learnt = await readRows(join(folder, ROWS_FILE));
  const texts = new Set(learnt.map((row) => row.prompt));
  const judged = testFile === undefined ? [] : (await readRows(testFile)).filter((row) => !texts.has(row.prompt));
  if (testFile !== undefined && judged.length === 0) {
    throw new InputError(`${testFile}: no row is left whose prompt is not also in ${join(folder, ROWS_FILE)}`);
  }
  return datasetOf(basename(folder), models, [...learnt, ...judged], judged.length > 0 ? learnt.length : Infinity);
}

export function datasetOf(
  name: string,
  listed: RecordedModels,
  recorded: readonly RecordedRow[],
  judgedFrom = Infinity,
): Dataset {
  const aliases = Object.keys(listed);
  const cost = costKindOf(listed, recorded);
  const { models, rows } =
    cost === 'strong-calls' ? pricedByRole(listed, recorded) : { models: listed, rows: recorded };
  const outcomes = outcomesOf(rows, models, aliases);
  const hasLatencies = outcomes.latenciesMs.some((latencyMs) => latencyMs > 0);
  return { name, rows, judgedFrom, models, aliases, outcomes, cost, hasLatencies };
}

function costKindOf(models: RecordedModels, rows: readonly RecordedRow[]): Dataset['cost'] {
  const [first] = rows;
  const aliases = Object.keys(models);
  if (first === undefined) return 'none';
  if (aliases.every((alias) => Number.isFinite(costOf(first, alias, models)))) return 'usd';
  const roles = aliases.map((alias) => roleOf(models, alias));
  return roles.length === 2 && roles.includes('weak') && roles.includes('strong') ? 'strong-calls' : 'none';
}

export function roleOf(models: RecordedModels, alias: string): unknown {
  return models[alias]?.['role'];
}

/** A thousand calls of the strong model cost a dollar, of the weak one nothing: all that is known is which is dearer. */
function pricedByRole(
  models: RecordedModels,
  rows: readonly RecordedRow[],
): { models: RecordedModels; rows: RecordedRow[] } {
  const usdOf = (alias: string): number => (roleOf(models, alias) === 'strong' ? STRONG_CALL_USD : 0);
  const priced = Object.entries(models).map(([alias, model]) => {
    return [alias, { ...model, input_usd_per_mtok: 0, output_usd_per_mtok: usdOf(alias) * 1_000_000 }] as const;
  });
  const ofOneToken = ({ outcomes }: RecordedRow): RecordedRow['outcomes'] =>
    Object.fromEntries(
      Object.entries(outcomes).map(([alias, outcome]) => {
        return [alias, { ...outcome, output_tokens: 1, cost_usd: usdOf(alias) }] as const;
      }),
    );
  return { models: Object.fromEntries(priced), rows: rows.map((row) => ({ ...row, outcomes: ofOneToken(row) })) };
}

function outcomesOf(rows: readonly RecordedRow[], models: RecordedModels, aliases: readonly string[]): Outcomes {
  const column = (figure: (row: RecordedRow, alias: string) => number): Float64Array => {
    const cells = new Float64Array(rows.length * aliases.length);
    rows.forEach((row, index) => {
      aliases.forEach((alias, model) => {
        cells[index * aliases.length + model] = figure(row, alias);
      });
    });
    return cells;
  };
  return {
    scores: column((row, alias) => row.outcomes[alias]?.score ?? Number.NaN),
    costsUsd: column((row, alias) => costOf(row, alias, models)),
    latenciesMs: column((row, alias) => row.outcomes[alias]?.latency_ms ?? Number.NaN),
  };
}

/** As recorded, else by tokens and prices. */
function costOf(row: RecordedRow, alias: string, models: RecordedModels): number {
  const outcome = row.outcomes[alias];
  const { input_usd_per_mtok: input = Number.NaN, output_usd_per_mtok: output = Number.NaN } = models[alias] ?? {};
  if (outcome === undefined) return Number.NaN;
  const { input_tokens: inputTokens = Number.NaN, output_tokens: outputTokens = Number.NaN } = outcome;
  return outcome.cost_usd ?? (inputTokens * input + outputTokens * output) / 1_000_000;
}

async function readModels(path: string): Promise<RecordedModels> {
  const models = RecordedModels.safeParse(parsed(path, await textIn(path)));
  if (!models.success) throw new InputError(`${path}: ${firstIssue(models.error)}`);
  if (Object.keys(models.data).length < 2) throw new InputError(`${path}: two models at least are needed to choose`);
  return models.data;
}

async function readRows(path: string): Promise<RecordedRow[]> {
  if (!(await isThere(path))) throw new InputError(`${path}: there is no such file`);
  const rows: RecordedRow[] = [];
  let number = 0;
  for await (const line of createInterface({ input: createReadStream(path), crlfDelay: Infinity })) {
    number += 1;
    if (line.trim() === '') continue;
    const row = RecordedRow.safeParse(parsed(`${path}:${number}`, line));
    if (!row.success) throw new InputError(`${path}:${number}: ${firstIssue(row.error)}`);
    rows.push(row.data);
  }
  if (rows.length === 0) throw new InputError(`${path}: it has no rows`);
  return rows;
}

async function textIn(path: string): Promise<string> {
  if (!(await isThere(path)))
    throw new InputError(`${path}: there is no such file; it tells the models and their prices`);
  return readFile(path, 'utf8');
}

async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

function parsed(where: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new InputError(`${where}: is not JSON`);
  }
}

function firstIssue(error: { issues: readonly { path: readonly PropertyKey[]; message: string }[] }): string {
  const [issue] = error.issues;
  const path = issue?.path.map(String).join('.');
  return [path, issue?.message].filter((part) => part).join(': ');
}
