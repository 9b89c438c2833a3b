import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { readLines } from '../../producer/index.ts';
import { type BatchOrder, batchIdOf, createBatchOrders, type StoredOrder } from '../../store/batch-orders.ts';
import type { StoredFile } from '../../store/file-index.ts';
import type { FileStore } from '../../store/files.ts';
import { ApiError } from '../api-error.ts';
import { readFields } from '../fields.ts';
import { openFileStore } from '../files/file-store.ts';
import { keyTaken } from '../idempotency.ts';
import { type ApiObject, toList } from '../list.ts';
import { refusalOf } from '../files/refusals.ts';
import { limitVisits, type VisitTools } from '../visits.ts';
import { batchObject } from './batch-object.ts';
import { type InlineRequest, type NewOrder, readOrder } from './order-body.ts';
import { type Identity, identityOf } from './order-id.ts';
import { inTurns } from './turns.ts';

const ListQuery = z.object({
  limit: z.coerce.number().int().min(1).max(100).default(20),
  after: z.string().optional(),
});

/** Larger results are in the files alone. */
const MOST_INLINE_BYTES = 4_194_304;
const CHUNK_LENGTH = 262_144;

type ById = { Params: { id: string } };

/** `/v1/batches` (https://platform.openai.com/docs/api-reference/batch). What is ordered here, a driver sees through. */
export function addBatches(app: FastifyInstance, tools: VisitTools): void {
  app.register(async (scope) => {
    limitVisits(scope, tools);
    addRoutes(scope, tools);
  });
}

function addRoutes(app: FastifyInstance, tools: VisitTools): void {
  const { batches, config, now, logger } = tools;
  const orders = createBatchOrders(tools.redis, tools.keys);
  const files = openFileStore(tools);

  async function findOrder(id: string, account: string): Promise<StoredOrder> {
    const stored = await orders.find(id, account);
    if (stored) return stored;
    const message = `no such batch: ${id.slice(0, 64)}`;
    throw new ApiError(404, 'invalid_request_error', message, { code: 'batch_not_found', param: 'id' });
  }

  /** What came with the same Idempotency-Key before; throws an ApiError 409 when that was something else. */
  async function findSame({ id, askedDigest }: Identity, account: string): Promise<StoredOrder | undefined> {
    const stored = askedDigest === undefined ? undefined : await orders.find(id, account);
    if (stored && stored.order.askedDigest !== askedDigest) throw keyTaken();
    return stored;
  }

  async function toObject(stored: StoredOrder): Promise<ApiObject> {
    const isCounted = stored.progress.completed !== undefined || stored.progress.total === undefined;
    return batchObject(stored, isCounted ? undefined : await batches.find(batchIdOf(stored.order.id)));
  }

  app.post('/v1/batches', async (request) => {
    const { caller, headers, body } = request;
    const identity = identityOf(request);
    const before = await findSame(identity, caller.account);
    if (before) return toObject(before);
    const asked = await readOrder(body, { identity, caller, headers, config, now: now() });
    const input = await takeInput(asked, files).catch((error: unknown) => {
      throw refusalOf(error, logger);
    });
    const order: BatchOrder = { ...asked.order, inputFileId: input.id };
    const outcome = await orders.add(order);
    if (outcome === 'no-file') throw noSuchFile(input.id);
    if (outcome === 'added') return batchObject({ order, progress: { stage: 'validating' } }, undefined);
    // The same order came twice at the same time; the other one reads requests from a file of its own.
    if (order.isInline) await files.remove(input);
    const other = await findSame(identity, caller.account);
    if (!other) throw new Error('an order that was there is gone');
    return toObject(other);
  });

  app.get('/v1/batches', async (request) => {
    const { limit, after } = readFields(ListQuery, request.query);
    const page = await orders.list(request.caller.account, { limit, ...(after === undefined ? {} : { after }) });
    if (!page) throw new ApiError(400, 'invalid_request_error', 'no such batch to go on after', { param: 'after' });
    return toList(await Promise.all(page.orders.map(toObject)), page.hasMore);
  });

  app.get<ById>('/v1/batches/:id', async (request) => {
    const stored = await findOrder(request.params.id, request.caller.account);
    return { ...(await toObject(stored)), ...(await resultsOf(stored, files)) };
  });

  app.post<ById>('/v1/batches/:id/cancel', async (request) => {
    const { account } = request.caller;
    const { order, progress } = await findOrder(request.params.id, account);
    if (progress.endedAt !== undefined) {
      const message = `the batch has ended: it is ${progress.stage}`;
      throw new ApiError(409, 'invalid_request_error', message, { code: 'batch_ended', param: 'id' });
    }
    await orders.cancel(order.id, now());
    return toObject(await findOrder(order.id, account));
  });
}

/** The file that the order reads from. */
async function takeInput({ order, input }: NewOrder, files: FileStore): Promise<StoredFile> {
  return 'fileId' in input ? findInput(input.fileId, order.account, files) : writeInput(order, input.requests, files);
}

async function findInput(id: string, account: string, files: FileStore): Promise<StoredFile> {
  const file = await files.find(id, account);
  if (!file) throw noSuchFile(id);
  if (file.purpose === 'batch') return file;
  const message = `file ${id} has the purpose "${file.purpose}"; a batch reads files of the purpose "batch"`;
  throw new ApiError(400, 'invalid_request_error', message, { param: 'input_file_id' });
}

function noSuchFile(id: string): ApiError {
  return new ApiError(400, 'invalid_request_error', `no such file: ${id.slice(0, 64)}`, {
    code: 'file_not_found',
    param: 'input_file_id',
  });
}

async function writeInput(
  { id, account, endpoint, model }: NewOrder['order'],
  requests: readonly InlineRequest[],
  files: FileStore,
): Promise<StoredFile> {
  const draft = files.draft();
  let pending = '';
  try {
    for await (const { custom_id, body } of inTurns(requests)) {
      const named = model === undefined ? body : { model, ...body };
      const line = { custom_id, method: 'POST', url: endpoint, body: named };
      pending += `${JSON.stringify(line)}\n`;
      if (pending.length < CHUNK_LENGTH) continue;
      await draft.write(Buffer.from(pending));
      pending = '';
    }
    await draft.write(Buffer.from(pending));
    return await draft.keep({ account, purpose: 'batch', filename: `${id}_input.jsonl` });
  } catch (error) {
    await draft.discard();
    throw error;
  }
}

/** What came inline is answered inline, once it has ended. */
async function resultsOf({ order, progress }: StoredOrder, files: FileStore): Promise<{ results?: unknown[] }> {
  const { outputFileId, errorFileId, outputBytes = 0 } = progress;
  if (!order.isInline || outputBytes === 0 || outputBytes > MOST_INLINE_BYTES) return {};
  const results: unknown[] = [];
  for (const id of [outputFileId, errorFileId]) {
    const file = id === undefined ? undefined : await files.find(id, order.account);
    if (!file) continue;
    for await (const line of inTurns(readLines(files.content(file), MOST_INLINE_BYTES))) {
      if ('text' in line) results.push(JSON.parse(line.text));
    }
  }
  return { results };
}
