import { Readable } from 'node:stream';
import multipart from '@fastify/multipart';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { StoredFile } from '../../store/file-index.ts';
import { ApiError } from '../api-error.ts';
import { readFields } from '../fields.ts';
import { type ApiObject, toList } from '../list.ts';
import { limitVisits, type VisitTools } from '../visits.ts';
import { openFileStore } from './file-store.ts';
import { refusalOf } from './refusals.ts';
import { receiveUpload } from './upload.ts';

const ListQuery = z.object({
  purpose: z.string().optional(),
  limit: z.coerce.number().int().min(1).max(10_000).default(10_000),
  order: z.enum(['asc', 'desc']).default('desc'),
  after: z.string().optional(),
});

type ById = { Params: { id: string } };

/** `/v1/files` (https://platform.openai.com/docs/api-reference/files). */
export function addFiles(app: FastifyInstance, tools: VisitTools): void {
  app.register(async (scope) => {
    limitVisits(scope, tools);
    addRoutes(scope, tools);
  });
}

function addRoutes(app: FastifyInstance, tools: VisitTools): void {
  const store = openFileStore(tools);
  const { most_bytes: mostBytes } = tools.config.gateway.files;

  async function findFile(id: string, account: string): Promise<StoredFile> {
    const file = await store.find(id, account);
    if (file) return file;
    const message = `no such file: ${id.slice(0, 64)}`;
    throw new ApiError(404, 'invalid_request_error', message, { code: 'file_not_found', param: 'id' });
  }

  // In a scope of its own: no other route takes forms.
  app.register(async (scope) => {
    await scope.register(multipart, {
      // One byte more than allowed, so that a file that is cut off is seen to be too large.
      limits: { fileSize: mostBytes + 1, files: 1, fields: 16, parts: 17, fieldSize: 1_024, fieldNameSize: 64 },
      throwFileSizeLimit: false,
    });
    scope.post('/v1/files', async (request) => {
      const received = receiveUpload(request, store, mostBytes);
      return toFileObject(
        await received.catch((error: unknown) => {
          throw refusalOf(error, tools.logger);
        }),
      );
    });
  });

  app.get('/v1/files', async (request) => {
    const { purpose, after, ...rest } = readFields(ListQuery, request.query);
    const query = { ...rest, ...(purpose === undefined ? {} : { purpose }), ...(after === undefined ? {} : { after }) };
    const page = await store.list(request.caller.account, query);
    if (!page) throw new ApiError(400, 'invalid_request_error', 'no such file to go on after', { param: 'after' });
    return toList(page.files.map(toFileObject), page.hasMore);
  });

  app.get<ById>('/v1/files/:id', async (request) =>
    toFileObject(await findFile(request.params.id, request.caller.account)),
  );

  app.get<ById>('/v1/files/:id/content', async (request, reply) => {
    const file = await findFile(request.params.id, request.caller.account);
    return reply
      .type('application/octet-stream')
      .header('content-length', file.bytes)
      .header('x-content-type-options', 'nosniff')
      .header('content-disposition', `attachment; filename*=UTF-8''${encodeURIComponent(file.filename)}`)
      .send(Readable.from(store.content(file)));
  });

  app.delete<ById>('/v1/files/:id', async (request) => {
    const file = await findFile(request.params.id, request.caller.account);
    if ((await store.remove(file)) === 'read') {
      const message = `file ${file.id} is the input of a batch that has not ended; cancel the batch, or wait for it`;
      throw new ApiError(409, 'invalid_request_error', message, { code: 'file_in_use', param: 'id' });
    }
    return { id: file.id, object: 'file', deleted: true };
  });
}

/** As OpenAI's clients read it; `status` is out of use, and required. */
function toFileObject({ id, bytes, createdAt, expiresAt, filename, purpose }: StoredFile): ApiObject {
  return {
    id,
    object: 'file',
    bytes,
    created_at: Math.floor(createdAt / 1_000),
    expires_at: Math.floor(expiresAt / 1_000),
    filename,
    purpose,
    status: 'processed',
  };
}
