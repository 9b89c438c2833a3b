import { z } from 'zod';
import { openAiEmbeddingsBody, readEmbeddingRequest } from './embeddings.ts';
import { type ChatAdditions, chatBodyOf, chatEventsOf, openAiWire } from './openai.ts';
import { type Completion, type FinishReason, type Wire, readChatRequest } from './wire.ts';

const EMBEDDINGS = '/api/v1/embeddings';

/** The wire format of OpenRouter (https://openrouter.ai/docs/api-reference/overview): OpenAI's, with what it charged. */
export const openRouterWire: Wire = {
  purposeOf(method, path) {
    if (method === 'POST' && (path === '/api/v1/chat/completions' || path === EMBEDDINGS)) return 'chat';
    if (method === 'GET' && path === '/api/v1/key') return 'key';
    return method === 'GET' && path === '/api/v1/models' ? 'models' : undefined;
  },
  keyOf: (headers) => openAiWire.keyOf(headers),
  read(body, path) {
    if (path === EMBEDDINGS) return readEmbeddingRequest(body);
    const own = Own.safeParse(body);
    if (!own.success) return readChatRequest(body);
    const { reasoning, ...request } = own.data;
    const effort = reasoning?.effort ?? (reasoning?.enabled ? 'medium' : undefined);
    return readChatRequest({ ...request, ...(effort === undefined ? {} : { reasoning_effort: effort }) });
  },
  completionBody(completion) {
    const { usage } = additionsTo(completion);
    if (completion.embeddings) return openAiEmbeddingsBody(completion, completion.embeddings, usage);
    return JSON.stringify(chatBodyOf(completion, additionsTo(completion)));
  },
  // It tells the usage whether it was asked for or not.
  events: (completion) => [
    { text: ': OPENROUTER PROCESSING\n\n', characters: 0 },
    ...chatEventsOf(completion, additionsTo(completion), true),
  ],
  failureEvent(completion, status) {
    const { created, model } = completion;
    const { id, head } = additionsTo(completion);
    const choices = [{ index: 0, delta: { content: '' }, finish_reason: 'error', native_finish_reason: 'error' }];
    const error = errorOf(status, model);
    return `data: ${JSON.stringify({ id, object: 'chat.completion.chunk', created, model, ...head, error, choices })}\n\n`;
  },
  refuse: ({ status, model = '', message, retryAfterSeconds }) => ({
    status,
    headers: retryAfterSeconds === undefined ? {} : { 'retry-after': String(Math.ceil(retryAfterSeconds)) },
    body: JSON.stringify({ error: message === undefined ? errorOf(status, model) : { code: status, message } }),
  }),
  modelsBody: (ids, created) => JSON.stringify({ data: ids.map((id) => ({ id, name: id, created })) }),
  keyBody: () => JSON.stringify({ data: { label: 'sk-or-v1-sim', usage: 0, limit: null, is_free_tier: false } }),
};

const Own = z.looseObject({
  reasoning: z.object({ effort: z.string().optional(), enabled: z.boolean().optional() }).nullish(),
});

/** Whoever serves the model has words of its own for why it stopped. */
const NATIVE_REASONS: Record<FinishReason, string> = {
  stop: 'end_turn',
  length: 'max_tokens',
  tool_calls: 'tool_use',
};

function additionsTo({ id, created, costNanos }: Completion): ChatAdditions {
  return {
    id: `gen-${created}-${id}`,
    head: { provider: PROVIDER, system_fingerprint: null },
    choice: (reason) => ({ native_finish_reason: reason && NATIVE_REASONS[reason] }),
    reasoning: (text) =>
      text === ''
        ? { reasoning: null }
        : { reasoning: text, reasoning_details: [{ type: 'reasoning.text', text, format: 'unknown', index: 0 }] },
    usage: { cost: costNanos / NANOS_PER_USD, is_byok: false },
  };
}

const PROVIDER = 'Simulated';
const NANOS_PER_USD = 1e9;

/** The status again, a sentence, and whose failure it was where it was not OpenRouter's own. */
function errorOf(status: number, model: string): object {
  const own = MESSAGES[status];
  if (own !== undefined) return { code: status, message: own };
  if (status === 404) return { code: status, message: `No endpoints found for ${model}.` };
  const metadata = { provider_name: PROVIDER, raw: status === 429 ? `${model} is temporarily rate-limited` : 'ERROR' };
  return { code: status, message: 'Provider returned error', metadata };
}

/** https://openrouter.ai/docs/api-reference/errors */
const MESSAGES: Record<number, string> = {
  401: 'User not found.',
  402: 'Insufficient credits. Add more using https://openrouter.ai/settings/credits',
  408: 'Your request timed out.',
};
