import type { Config } from '../../domain/config.ts';
import { type Problem, formatPath } from '../../domain/issues.ts';
import { isEmbedding, type QueuedJob } from '../../domain/job.ts';
import { type Line, parseJson, prepareLine, type RowOptions } from '../../producer/index.ts';
import type { BatchOrder, OrderError } from '../../store/batch-orders.ts';
import { ApiError } from '../api-error.ts';
import { permit } from '../permissions.ts';
import { fieldsOfModel } from '../row-models.ts';
import { checkLaneOfRow } from './lane.ts';

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
    const prepared = prepareLine(parsed.value, line.number, rows);
    if (!prepared.ok) return refused(line.number, prepared.problems);
    const { job } = prepared;
    const permitted = permitJob(job, order, config);
    if (!permitted.ok) return { ok: false, errors: [{ ...permitted.error, line: line.number }] };
    return { ok: true, job: toOrderedJob(permitted.job, order, now()) };
  };
}

/** Our other formats of lines are for files that are handed to the command line. */
function problemsOfPlace(line: unknown, { endpoint, account }: BatchOrder): Problem[] {
  if (!isRecord(line)) return [{ path: [], message: 'expected an object: {"custom_id", "method", "url", "body"}' }];
  const { url, x_sluice } = line;
  if (url === undefined) return [{ path: ['url'], message: `missing: ${JSON.stringify(endpoint)}` }];
  if (url !== endpoint)
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

type Permitted = { ok: true; job: QueuedJob } | { ok: false; error: Omit<OrderError, 'line'> };

function permitJob(job: QueuedJob, order: BatchOrder, config: Config): Permitted {
  const { task, lane } = job;
  const models = job.model === undefined ? job.models : [job.model];
  const asked = { models, task: task ?? undefined, lane, isEmbedding: isEmbedding(job) };
  try {
    checkLaneOfRow(lane, order, config);
    const { models: allowed } = permit(order, asked, config);
    return { ok: true, job: { ...job, ...(allowed && { models: allowed }) } };
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    const { message, code, param } = error;
    return { ok: false, error: { code: code ?? 'not_allowed', message, param } };
  }
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

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
