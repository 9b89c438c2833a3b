import type { Config } from '../../domain/config.ts';
import { type Problem, formatPath } from '../../domain/issues.ts';
import { isEmbedding, type QueuedJob } from '../../domain/job.ts';
import { type Line, parseJson, prepareLine, type RowOptions } from '../../producer/index.ts';
import type { BatchOrder, OrderError } from '../../store/batch-orders.ts';
import { ApiError } from '../api-error.ts';
import { messagesFace } from '../messages/face.ts';
import { permit } from '../permissions.ts';
import { fieldsOfModel } from '../row-models.ts';
import { checkLaneOfRow } from './lane.ts';
import { isRecord } from './record.ts';
import { placeOfWish, takeWishes } from './row-wishes.ts';

export type ReadLine = { ok: true; job: QueuedJob } | { ok: false; errors: OrderError[] };
export type LineReader = (line: Line) => ReadLine;

/** Reads lines of a batch's input as the jobs of whoever has ordered it. */
export function createLineReader(order: BatchOrder, config: Config, now: () => number): LineReader {
  const rows: RowOptions = {
    intake: { config, lane: order.lane, now },
    // Whatever lane the task of a row has: who orders a batch does not wait for a single row.
    defaults: { ...order.defaults, lane: order.lane },
    anyModel: false,
    modelOf: (name) => fieldsOfModel(name, config, order.provider),
  };
  return (line) => {
    if ('problem' in line) return refused(line.number, [{ path: [], message: line.problem }], 'invalid_json_line');
    const parsed = parseJson(line.text);
    if (!parsed.ok) return refused(line.number, parsed.problems, 'invalid_json_line');
    const misplaced = problemsOfPlace(parsed.value, order);
    if (misplaced.length > 0) return refused(line.number, misplaced);
    const taken = attempt(() => takeWishes(parsed.value, order.endpoint));
    if (!taken.ok) return refusedBy(taken.error, line.number, 'body.');
    const { value: wished } = taken;
    const prepared = prepareLine(wished.line, line.number, { ...rows, wishes: wished.wishes });
    if (!prepared.ok) {
      const placed = prepared.problems.map(({ path, message }) => ({ path: placeOfWish(path, wished), message }));
      return refused(line.number, placed);
    }
    const { job } = prepared;
    const permitted = attempt(() => permitJob(job, order, config));
    if (!permitted.ok) return refusedBy(permitted.error, line.number);
    return { ok: true, job: toOrderedJob(permitted.value, order, now()) };
  };
}

/** Our other formats of lines are for files that are handed to the command line. */
function problemsOfPlace(line: unknown, { endpoint, account }: BatchOrder): Problem[] {
  if (!isRecord(line)) return [{ path: [], message: 'expected an object: {"custom_id", "method", "url", "body"}' }];
  const { url, x_sluice } = line;
  // As in Anthropic's own batches.
  const isNative = endpoint === messagesFace.path && 'params' in line;
  if (url === undefined && !isNative) return [{ path: ['url'], message: `missing: ${JSON.stringify(endpoint)}` }];
  if (url !== endpoint && !isNative)
    return [{ path: ['url'], message: `expected the endpoint of the batch, ${JSON.stringify(endpoint)}` }];
  if (isRecord(x_sluice) && x_sluice['account'] !== undefined && x_sluice['account'] !== account) {
    return [{ path: ['x_sluice', 'account'], message: 'a batch is paid for by the account of its key; leave it out' }];
  }
  return [];
}

/** Past its time a row ends even where no gateway is left to see to it. */
function toOrderedJob(job: QueuedJob, { account, apiKey, expiresAt }: BatchOrder, now: number): QueuedJob {
  const leftMs = Math.max(1, expiresAt - now);
  const deadlineMs = Math.min(job.deadline_ms ?? leftMs, leftMs);
  return { ...job, account, deadline_ms: deadlineMs, ...(apiKey ? { api_key: apiKey } : {}) };
}

/** Throws an ApiError for a model or a lane that whoever has ordered it may not name. */
function permitJob(job: QueuedJob, order: BatchOrder, config: Config): QueuedJob {
  const { task, lane } = job;
  const models = job.model === undefined ? job.models : [job.model];
  const asked = { models, task: task ?? undefined, lane, isEmbedding: isEmbedding(job) };
  checkLaneOfRow(lane, order, config);
  const { models: allowed } = permit(order, asked, config);
  return { ...job, ...(allowed && { models: allowed }) };
}

/** What was done, or the ApiError that kept it from that. */
function attempt<Value>(act: () => Value): { ok: true; value: Value } | { ok: false; error: ApiError } {
  try {
    return { ok: true, value: act() };
  } catch (error) {
    if (error instanceof ApiError) return { ok: false, error };
    throw error;
  }
}

/** `place` is where in the line the error's own place is. */
function refusedBy({ message, code, param }: ApiError, line: number, place = ''): ReadLine {
  const shown = param === null ? null : `${place}${param}`;
  return {
    ok: false,
    errors: [{ code: code ?? 'invalid_request', message: `${place}${message}`, param: shown, line }],
  };
}

function refused(line: number, problems: readonly Problem[], code?: string): { ok: false; errors: OrderError[] } {
  return {
    ok: false,
    errors: problems.map((problem) => {
      const place = formatPath(problem.path);
      const message = place === '' ? problem.message : `${place}: ${problem.message}`;
      return { code: code ?? codeOf(problem), message, param: place === '' ? null : place, line };
    }),
  };
}

const CODES_BY_FIELD: Readonly<Record<string, string>> = {
  custom_id: 'invalid_custom_id',
  method: 'invalid_method',
  url: 'invalid_url',
};

function codeOf({ path, message }: Problem): string {
  const [first = ''] = path;
  if (path.at(-1) === 'model' && /no model|unknown model/.test(message)) return 'model_not_found';
  return CODES_BY_FIELD[first] ?? 'invalid_request';
}
