import type { Problem } from '../domain/issues.ts';
import { readAnthropicRequest } from '../domain/native/anthropic/request.ts';
import { readChatRequest } from '../domain/native/chat/request.ts';
import { readEmbeddingsRequest } from '../domain/native/embeddings.ts';
import { readResponsesRequest } from '../domain/native/responses/request.ts';

type Read<Value> = { ok: true; value: Value } | { ok: false; problems: Problem[] };

/** What a request of its own may have and a row of a batch may not. */
type Refused = {
  field: string;
  /** As the body has it, where that is another name. */
  shown?: string;
  message: string;
  /** Whatever is there, without it. */
  isRefused?: (value: unknown) => boolean;
};

const STREAM: Refused = {
  field: 'stream',
  message: 'a batch has no streams; leave it out',
  isRefused: (value) => value === true,
};
const BASE64: Refused = {
  field: 'encoding',
  shown: 'encoding_format',
  message: 'the output of a batch has numbers; leave it out',
  isRefused: (value) => value === 'base64',
};
const ONLY_ALONE = 'not in a batch; leave it out';
const PREFERENCES: readonly Refused[] = [
  { field: 'provider', message: ONLY_ALONE },
  { field: 'models', message: ONLY_ALONE },
];

/** How the bodies of requests, as providers' batches hold them, are read as fields of a row. */
export const readChatBody = bodyOfBatch(readChatRequest, [STREAM, ...PREFERENCES], ['includeUsage']);
export const readEmbeddingsBody = bodyOfBatch(readEmbeddingsRequest, [BASE64, ...PREFERENCES]);
export const readResponsesBody = bodyOfBatch(readResponsesRequest, [STREAM, ...PREFERENCES]);
export const readMessagesBody = bodyOfBatch(readAnthropicRequest, [STREAM]);

/** `ignored` says nothing where there is no stream. */
function bodyOfBatch<Value extends object>(
  read: (body: unknown) => Read<Value>,
  refused: readonly Refused[],
  ignored: readonly string[] = [],
): (body: unknown) => Read<object> {
  const alone = new Set([...refused.map(({ field }) => field), ...ignored]);
  return (body) => {
    const request = read(body);
    if (!request.ok) return request;
    const fields = new Map<string, unknown>(Object.entries(request.value));
    const problems = refused.flatMap(({ field, shown = field, message, isRefused = () => true }): Problem[] => {
      const value = fields.get(field);
      return value !== undefined && isRefused(value) ? [{ path: [shown], message }] : [];
    });
    if (problems.length > 0) return { ok: false, problems };
    return { ok: true, value: Object.fromEntries([...fields].filter(([field]) => !alone.has(field))) };
  };
}
