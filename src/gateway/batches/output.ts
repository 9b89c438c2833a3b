import { createHash } from 'node:crypto';
import { type BatchLineTold, batchLine, batchLineWithoutResult } from '../../domain/batch-line.ts';
import type { CompletedResult, JobResult } from '../../domain/result.ts';
import { rowJobId } from '../../domain/row-id.ts';
import type { BatchRow, Line } from '../../producer/index.ts';
import { type BatchOrder, batchIdOf, type OrderUsage } from '../../store/batch-orders.ts';
import { fileIdOf } from '../../store/file-id.ts';
import type { StoredFile } from '../../store/file-index.ts';
import type { FileStore } from '../../store/files.ts';
import { answerIdOf } from '../answer-id.ts';
import { errorOfResult } from '../failures.ts';
import { BATCH_ENDPOINTS, type BatchEndpoint } from './endpoints.ts';

/** What became of an order's rows. */
export type Output = {
  completed: number;
  failed: number;
  /** Among those that failed. */
  expired: number;
  cancelled: number;
  /** Of the answers; the cost is the batch's. */
  usage: Omit<OrderUsage, 'cost_nanos'>;
  output?: StoredFile;
  errors?: StoredFile;
};

const CLOCKS_APART_MS = 1_000;

type Sources = {
  order: BatchOrder;
  /** The input, line by line, and the results in the same order. */
  lines: AsyncIterable<Line>;
  results: AsyncIterable<BatchRow[]>;
  files: FileStore;
  /** Rows that were called off were so because time had run out. */
  hasRunOut: boolean;
  signal: AbortSignal;
};

/** Writes an order's answers into one file and its errors into another. Done again, it replaces what it wrote before. */
export async function writeOutput({ order, lines, results, files, hasRunOut, signal }: Sources): Promise<Output> {
  const answers = createLineFile(order, files, 'output');
  const errors = createLineFile(order, files, 'errors');
  const counts = { completed: 0, failed: 0, expired: 0, cancelled: 0 };
  const usage = { input_tokens: 0, cached_tokens: 0, output_tokens: 0, reasoning_tokens: 0 };
  const requests = lines[Symbol.asyncIterator]();
  try {
    for await (const page of results) {
      signal.throwIfAborted();
      for (const row of page) {
        const request = readRequest((await requests.next()).value as Line | undefined);
        const { result } = row;
        if (result?.status === 'completed') {
          counts.completed += 1;
          addUsage(usage, result);
          await answers.write(batchLine(result, answerOf(result, request.body, order), request.customId));
          continue;
        }
        const told = failureOf(result, order, hasRunOut);
        counts.failed += 1;
        if (told.error?.code === 'batch_expired') counts.expired += 1;
        if (told.error?.code === 'batch_cancelled') counts.cancelled += 1;
        const jobId = rowJobId(batchIdOf(order.id), row.row);
        await errors.write(
          result ? batchLine(result, told, request.customId) : batchLineWithoutResult(jobId, told, request.customId),
        );
      }
    }
    const [output, failures] = [await answers.keep(), await errors.keep()];
    return { ...counts, usage, ...(output ? { output } : {}), ...(failures ? { errors: failures } : {}) };
  } finally {
    await requests.return?.();
    await answers.discard();
    await errors.discard();
  }
}

function readRequest(line: Line | undefined): { customId: string | null; body: unknown } {
  if (!line || !('text' in line)) throw new Error('the input file ends before its results do');
  // Where Anthropic's own batches have it, or where all others do.
  const { custom_id: customId, params, body = params } = JSON.parse(line.text) as Record<string, unknown>;
  return { customId: String(customId), body };
}

function endpointFor(order: BatchOrder): BatchEndpoint {
  const endpoint = BATCH_ENDPOINTS[order.endpoint];
  if (!endpoint) throw new Error(`no answers can be written for ${order.endpoint}`);
  return endpoint;
}

function answerOf(result: CompletedResult, body: unknown, order: BatchOrder): BatchLineTold {
  const endpoint = endpointFor(order);
  const context = {
    id: answerIdOf(endpoint, result.job_id),
    created: Math.floor(result.finished_at / 1_000),
    askedModel: modelOf(body),
  };
  const response = { status_code: 200, request_id: result.job_id, body: endpoint.toAnswer(result, body, context) };
  return { response, error: null };
}

function modelOf(body: unknown): string {
  const model = typeof body === 'object' && body !== null && 'model' in body ? body.model : undefined;
  return typeof model === 'string' ? model : '';
}

/** What was not asked, or not to its end, has an error of the batch; what was asked in vain the answer of the API. */
export function failureOf(result: JobResult | undefined, order: BatchOrder, hasRunOut: boolean): BatchLineTold {
  if (result?.status !== 'failed') {
    return withoutResponse('result_expired', 'the result was not kept for as long as the batch took');
  }
  const { code, message } = result.error;
  // A deadline that was wished for, of the row or of all, was over before the batch's own.
  const hasExpired = result.finished_at >= order.expiresAt - CLOCKS_APART_MS;
  const isOutOfTime = code === 'CANCELLED' ? hasRunOut : code === 'DEADLINE_EXCEEDED' && hasExpired;
  if (isOutOfTime) return withoutResponse('batch_expired', 'the batch expired before this request had ended');
  if (code === 'CANCELLED') return withoutResponse('batch_cancelled', message);
  const error = errorOfResult(result);
  const body = endpointFor(order).toErrorBody(error, result.job_id);
  return { response: { status_code: error.status, request_id: result.job_id, body }, error: null };
}

function withoutResponse(code: string, message: string): BatchLineTold {
  return { response: null, error: { code, message } };
}

function addUsage(sum: Output['usage'], { completion: { usage } }: CompletedResult): void {
  sum.input_tokens += usage.input_tokens;
  sum.cached_tokens += usage.cached_input_tokens ?? 0;
  sum.output_tokens += usage.output_tokens;
  sum.reasoning_tokens += usage.reasoning_tokens ?? 0;
}

const CHUNK_BYTES = 262_144;

/** A file of lines that is there once it is kept, and only when it has any. Its id follows from the order's. */
function createLineFile(order: BatchOrder, files: FileStore, kind: 'output' | 'errors') {
  let draft: ReturnType<FileStore['draft']> | undefined;
  let pending = '';

  async function flush(): Promise<void> {
    const text = pending;
    pending = '';
    if (text !== '') await (draft ??= files.draft()).write(Buffer.from(text));
  }

  return {
    async write(line: string): Promise<void> {
      pending += `${line}\n`;
      if (pending.length >= CHUNK_BYTES) await flush();
    },
    async keep(): Promise<StoredFile | undefined> {
      await flush();
      return draft?.keep({
        id: fileIdOf(createHash('sha256').update(`${order.id} ${kind}`).digest('hex')),
        account: order.account,
        purpose: 'batch_output',
        // It has been paid for.
        isCapped: false,
        filename: `${order.id}_${kind === 'output' ? 'output' : 'error'}.jsonl`,
        ...(order.outputKeepMs === undefined ? {} : { keepMs: order.outputKeepMs }),
      });
    },
    /** What was kept stays. */
    async discard(): Promise<void> {
      await draft?.discard();
    },
  };
}
