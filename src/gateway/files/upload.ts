import type { Multipart, MultipartFile } from '@fastify/multipart';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { FileDraft } from '../../store/file-draft.ts';
import type { StoredFile } from '../../store/file-index.ts';
import type { FileStore } from '../../store/files.ts';
import { ApiError } from '../api-error.ts';
import { readFields } from '../fields.ts';
import { FileExpiry } from './expiry.ts';
import { fileTooLarge } from './refusals.ts';

/** What OpenAI's own clients may say. */
const PURPOSES = ['assistants', 'batch', 'fine-tune', 'vision', 'user_data', 'evals'] as const;

const UploadFields = z.strictObject({ purpose: z.enum(PURPOSES), expires_after: FileExpiry.optional() });

/** The fields around a file, without its boundary lines and names. */
const MOST_FORM_BYTES = 65_536;

/**
 * Takes a file in as it arrives, whatever the order of the fields. It is listed once all of it has been read and every
 * field was found right. Throws what the store throws when there is no room for it.
 */
export async function receiveUpload(request: FastifyRequest, store: FileStore, mostBytes: number): Promise<StoredFile> {
  if (!request.isMultipart()) throw invalid('expected multipart/form-data with the fields file and purpose', null);
  const announced = Number(request.headers['content-length'] ?? 0) - MOST_FORM_BYTES;
  if (announced > mostBytes) throw fileTooLarge(mostBytes);
  await store.checkRoom(request.caller.account, Math.max(0, announced));
  const draft = store.draft();
  try {
    const { fields, filename, failure } = await readParts(request.parts(), draft).catch(throwAsInvalid);
    if (failure !== undefined) throw failure;
    if (filename === undefined) throw invalid('missing: the file', 'file');
    const { purpose, expires_after: expiry } = readFields(UploadFields, fields);
    return await draft.keep({
      account: request.caller.account,
      purpose,
      filename,
      ...(expiry ? { keepMs: expiry.seconds * 1_000 } : {}),
    });
  } catch (error) {
    await draft.discard();
    throw error;
  }
}

/** `failure` is why the file could not be written; undefined when it was. */
type Form = { fields: Record<string, unknown>; filename: string | undefined; failure: unknown };

async function readParts(parts: AsyncIterable<Multipart>, draft: FileDraft): Promise<Form> {
  const fields: Record<string, unknown> = {};
  let filename: string | undefined;
  let failure: unknown;
  for await (const part of parts) {
    if (part.type === 'field') {
      // As forms write an object: expires_after[seconds].
      const [, outer = '', inner] = /^(\w+)(?:\[(\w+)\])?$/.exec(part.fieldname) ?? [];
      if (inner === undefined) fields[outer] = part.value;
      else fields[outer] = { ...(typeof fields[outer] === 'object' ? fields[outer] : {}), [inner]: part.value };
      continue;
    }
    if (part.fieldname !== 'file') throw invalid('expected one file, in the field "file"', 'file');
    // As a part that says it is a file by its type alone.
    if ((part.filename as string | undefined) === undefined) {
      throw invalid('the file has no name: expected filename="..." in its part of the form', 'file');
    }
    filename = part.filename.slice(0, 255) || 'file';
    failure = await takeFile(part, draft);
  }
  return { fields, filename, failure };
}

/**
 * Why it could not be written; undefined when it was. What is left of it is read and thrown away all the same: a client in
 * the middle of sending hears nothing.
 */
async function takeFile({ file }: MultipartFile, draft: FileDraft): Promise<unknown> {
  let failure: unknown;
  for await (const chunk of file as AsyncIterable<Buffer>) {
    if (failure !== undefined) continue;
    await draft.write(chunk).catch((error: unknown) => (failure = error));
  }
  return failure;
}

/** What the reader of forms throws is about the form. */
function throwAsInvalid(error: unknown): never {
  if (error instanceof ApiError) throw error;
  throw invalid(`the form cannot be read: ${error instanceof Error ? error.message : 'it is broken'}`, null);
}

function invalid(message: string, param: string | null): ApiError {
  return new ApiError(400, 'invalid_request_error', message, { param });
}
