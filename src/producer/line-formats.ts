import { z } from 'zod';
import { Expectation } from '../domain/expectation.ts';
import { type Problem, check } from '../domain/issues.ts';
import { placeInAnthropicRequest } from '../domain/native/anthropic/request.ts';
import { placeInGoogleRequest, readGoogleRequest } from '../domain/native/google/request.ts';
import { placeInResponsesRequest } from '../domain/native/responses/request.ts';
import { readChatBody, readEmbeddingsBody, readMessagesBody, readResponsesBody } from './batch-body.ts';

type Path = Problem['path'];
type Failure = { ok: false; problems: Problem[] };
/** A row of ours, read from a line in another format, and where such a line says what the row says at a path. */
type Row = { ok: true; row: object; placeOf: (path: Path) => Path };

type BodyFormat = {
  /** The body as fields of a row. */
  read: (body: unknown) => { ok: true; value: object } | Failure;
  /** Where the body says what the row says at this path. */
  placeOf: (path: Path) => Path;
};

const CHAT: BodyFormat = { read: readChatBody, placeOf: (path) => path };
const EMBEDDINGS: BodyFormat = { read: readEmbeddingsBody, placeOf: (path) => path };
const RESPONSES: BodyFormat = { read: readResponsesBody, placeOf: placeInResponsesRequest };
const ANTHROPIC: BodyFormat = { read: readMessagesBody, placeOf: placeInAnthropicRequest };
const GOOGLE: BodyFormat = { read: readGoogleRequest, placeOf: placeInGoogleRequest };

/** What may stand in the `body` of a line with a `url`; a group in the pattern is the model. */
const URLS: readonly { pattern: RegExp; shown: string; body: BodyFormat }[] = [
  { pattern: /^\/v1\/chat\/completions$/, shown: '/v1/chat/completions', body: CHAT },
  { pattern: /^\/v1\/embeddings$/, shown: '/v1/embeddings', body: EMBEDDINGS },
  { pattern: /^\/v1\/responses$/, shown: '/v1/responses', body: RESPONSES },
  { pattern: /^\/v1\/messages$/, shown: '/v1/messages', body: ANTHROPIC },
  {
    pattern: /^\/v1(?:beta)?\/models\/(.+):generateContent$/,
    shown: '/v1beta/models/{model}:generateContent',
    body: GOOGLE,
  },
];

const Id = z.string().min(1).max(256);
const Body = z.record(z.string(), z.unknown());

/** Our own additions to a provider's line; the output has a field of the same name. */
const Extension = z.strictObject({
  task: z.string().optional(),
  max_cost_usd: z.number().optional(),
  max_total_usd: z.number().optional(),
  max_latency_ms: z.number().optional(),
  lane: z.string().optional(),
  account: z.string().optional(),
  expect: Expectation.optional(),
});

/** OpenAI's batch format: https://platform.openai.com/docs/guides/batch */
const UrlLine = z.strictObject({
  custom_id: Id,
  method: z.literal('POST'),
  url: z
    .string()
    .regex(
      new RegExp(URLS.map(({ pattern }) => pattern.source).join('|')),
      `expected ${URLS.map(({ shown }) => shown).join(' | ')}`,
    ),
  body: Body,
  x_sluice: Extension.optional(),
});

/** Anthropic's batch format, an entry a line: https://platform.claude.com/docs/en/build-with-claude/batch-processing */
const AnthropicLine = z.strictObject({ custom_id: Id, params: Body, x_sluice: Extension.optional() });

/** Google's batch format, where the model is a matter of the whole batch: https://ai.google.dev/gemini-api/docs/batch-api */
const GoogleLine = z.strictObject({ key: Id, request: Body, x_sluice: Extension.optional() });

type LineFormat = {
  /** By these fields, which our own rows do not have, so that a line without an id hears that it is missing. */
  marks: readonly string[];
  envelope: z.ZodType<{ x_sluice?: z.infer<typeof Extension> | undefined }>;
  idField: string;
  bodyField: string;
  /** What is in the body, and which model a line names outside of it. */
  bodyOf: (line: Record<string, unknown>) => { body: BodyFormat; model?: string | undefined };
};

const FORMATS: readonly LineFormat[] = [
  {
    marks: ['params'],
    envelope: AnthropicLine,
    idField: 'custom_id',
    bodyField: 'params',
    bodyOf: () => ({ body: ANTHROPIC }),
  },
  {
    marks: ['custom_id', 'body', 'method', 'url'],
    envelope: UrlLine,
    idField: 'custom_id',
    bodyField: 'body',
    bodyOf({ url }) {
      const known = URLS.find(({ pattern }) => typeof url === 'string' && pattern.test(url));
      // A body without a usable url is measured by the format that nearly all have.
      return known ? { body: known.body, model: known.pattern.exec(String(url))?.[1] } : { body: CHAT };
    },
  },
  {
    marks: ['key', 'request'],
    envelope: GoogleLine,
    idField: 'key',
    bodyField: 'request',
    bodyOf: () => ({ body: GOOGLE }),
  },
];

/** Reads a line of a provider's batch format; undefined for a row of our own. */
export function readForeignLine(line: unknown): Row | Failure | undefined {
  if (line === null || typeof line !== 'object' || Array.isArray(line)) return undefined;
  const format = FORMATS.find(({ marks }) => marks.some((mark) => mark in line));
  return format && readLine(line as Record<string, unknown>, format);
}

function readLine(line: Record<string, unknown>, format: LineFormat): Row | Failure {
  const { idField, bodyField } = format;
  const { body, model } = format.bodyOf(line);
  const envelope = check(format.envelope, line);
  // What is no object is the envelope's to tell.
  const read = Body.safeParse(line[bodyField]).success ? body.read(line[bodyField]) : undefined;
  const problems = read?.ok === false ? read.problems : [];
  const below = problems.map(({ path, message }): Problem => ({ path: [bodyField, ...path], message }));
  if (!envelope.ok) return { ok: false, problems: [...envelope.problems, ...below] };
  if (!read?.ok) return { ok: false, problems: below };
  const { x_sluice } = envelope.value;
  return {
    ok: true,
    row: { ...read.value, ...x_sluice, ...(model === undefined ? {} : { model }), id: line[idField] },
    placeOf(path) {
      const [first = '', ...rest] = path;
      if (first === 'id') return [idField, ...rest];
      if (first === 'model' && model !== undefined) return ['url'];
      return first in Extension.shape ? ['x_sluice', ...path] : [bodyField, ...body.placeOf(path)];
    },
  };
}
