import { randomUUID } from 'node:crypto';
import { openAiEmbeddingsBody, readEmbeddingRequest } from './embeddings.ts';
import {
  type Completion,
  type FinishReason,
  type StreamEvent,
  type Wire,
  countTokens,
  piecesOf,
  readChatRequest,
} from './wire.ts';

type Fields = Record<string, unknown>;

/** In what an API that copies this one differs from it. */
export type ChatAdditions = {
  id: string;
  /** To the body, and to every piece of a stream. */
  head?: Fields;
  /** To the choice; in a stream there is no reason yet but in the last piece. */
  choice?: (finishReason: FinishReason | null) => Fields;
  /** To the message: what was thought. */
  reasoning?: (text: string) => Fields;
  usage?: Fields;
};

const EMBEDDINGS = '/v1/embeddings';

/** The wire format of OpenAI's chat completions (https://platform.openai.com/docs/api-reference/chat) and embeddings. */
export const openAiWire: Wire = {
  purposeOf(method, path) {
    if (method === 'POST' && (path === '/v1/chat/completions' || path === EMBEDDINGS)) return 'chat';
    return method === 'GET' && path === '/v1/models' ? 'models' : undefined;
  },
  keyOf: ({ authorization }) => /^Bearer (.+)$/.exec(authorization ?? '')?.[1],
  headers: () => ({ 'x-request-id': `req_${randomUUID().replaceAll('-', '')}` }),
  read: (body, path) => (path === EMBEDDINGS ? readEmbeddingRequest(body) : readChatRequest(body)),
  completionBody(completion) {
    if (completion.embeddings) return openAiEmbeddingsBody(completion, completion.embeddings);
    return JSON.stringify(chatBodyOf(completion, { id: idOf(completion), head: { system_fingerprint: null } }));
  },
  events(completion, request) {
    const includeUsage = request.stream_options?.include_usage === true;
    const additions: ChatAdditions = {
      id: idOf(completion),
      // OpenAI sends `usage: null` in every chunk before the last one, but only to those who asked for usage.
      ...(includeUsage ? { head: { usage: null } } : {}),
    };
    return chatEventsOf(completion, additions, includeUsage);
  },
  refuse: ({ status, model = '', message, retryAfterSeconds }) => ({
    status,
    headers: retryAfterSeconds === undefined ? {} : retryHeaders(retryAfterSeconds),
    body: message === undefined ? statusErrorBody(status, model) : errorBody(message, 'invalid_request_error', null),
  }),
  modelsBody: (ids, created) =>
    JSON.stringify({
      object: 'list',
      data: ids.map((id) => ({ id, object: 'model', created, owned_by: 'sluice-sim' })),
    }),
};

function idOf({ id }: Completion): string {
  return `chatcmpl-${id}`;
}

/** Whole seconds, as HTTP has them, and the milliseconds that OpenAI tells besides. */
function retryHeaders(seconds: number): Record<string, string> {
  return { 'retry-after': String(Math.ceil(seconds)), 'retry-after-ms': String(Math.ceil(seconds * 1_000)) };
}

export function chatBodyOf(completion: Completion, additions: ChatAdditions): Fields {
  const { created, model, text, reasoning, finishReason } = completion;
  const toolCalls = toolCallsOf(completion);
  const { id, head, choice, reasoning: toReasoning } = additions;
  return {
    id,
    object: 'chat.completion',
    created,
    model,
    choices: [
      {
        index: 0,
        message: {
          role: 'assistant',
          content: toolCalls ? null : text,
          refusal: null,
          ...toReasoning?.(reasoning),
          ...(toolCalls ? { tool_calls: toolCalls } : {}),
        },
        logprobs: null,
        finish_reason: finishReason,
        ...choice?.(finishReason),
      },
    ],
    usage: { ...usageOf(completion), ...additions.usage },
    ...head,
  };
}

/** Server-sent events: the role, what was thought, the text or the tool call, the finish reason, perhaps the usage, `[DONE]`. */
export function chatEventsOf(completion: Completion, additions: ChatAdditions, includeUsage: boolean): StreamEvent[] {
  const { created, model, text, reasoning, finishReason, toolCall } = completion;
  const { id, head, choice, reasoning: toReasoning } = additions;
  const event = (fields: Fields, characters = 0): StreamEvent => ({
    text: `data: ${JSON.stringify({ id, object: 'chat.completion.chunk', created, model, ...head, ...fields })}\n\n`,
    characters,
  });
  const piece = (delta: Fields, finish: FinishReason | null, characters = 0): StreamEvent =>
    event({ choices: [{ index: 0, delta, logprobs: null, finish_reason: finish, ...choice?.(finish) }] }, characters);
  const toolCalls = toolCallsOf(completion);
  const thoughts = toReasoning === undefined ? [] : piecesOf(reasoning);
  // What is not shown has been thought before the beginning.
  const unseen = toReasoning === undefined ? reasoning.length : 0;
  const events = [
    piece({ role: 'assistant', content: toolCalls ? null : '' }, null, unseen),
    ...thoughts.map((thought) => piece({ ...toReasoning?.(thought) }, null, thought.length)),
    ...(toolCalls ?? []).map((call) =>
      piece({ tool_calls: [{ index: 0, ...call }] }, null, toolCall?.arguments.length ?? 0),
    ),
    ...piecesOf(text).map((content) => piece({ content }, null, content.length)),
    piece({}, finishReason),
  ];
  if (includeUsage) events.push(event({ choices: [], usage: { ...usageOf(completion), ...additions.usage } }));
  return [...events, { text: 'data: [DONE]\n\n', characters: 0 }];
}

function toolCallsOf({ id, toolCall }: Completion): object[] | undefined {
  return toolCall && [{ id: `call_${id}`, type: 'function', function: toolCall }];
}

function usageOf({ inputTokens, outputTokens, reasoning }: Completion): Fields {
  const thought = countTokens(reasoning.length);
  return {
    prompt_tokens: inputTokens,
    completion_tokens: outputTokens,
    total_tokens: inputTokens + outputTokens,
    ...(thought > 0 ? { completion_tokens_details: { reasoning_tokens: thought } } : {}),
  };
}

/** OpenAI's error envelope. */
export function errorBody(message: string, type: string, code: string | null, parameter: string | null = null): string {
  return JSON.stringify({ error: { message, type, param: parameter, code } });
}

/** The body that an OpenAI-shaped provider sends with an error status. */
function statusErrorBody(status: number, model: string): string {
  switch (status) {
    case 401:
      return errorBody('Incorrect API key provided.', 'invalid_request_error', 'invalid_api_key');
    case 402:
      return errorBody('You exceeded your current quota.', 'insufficient_quota', 'insufficient_quota');
    case 403:
      return errorBody(`You have no access to ${model}.`, 'invalid_request_error', 'model_not_allowed');
    case 404:
      return errorBody(`The model ${model} does not exist.`, 'invalid_request_error', 'model_not_found', 'model');
    case 429:
      return errorBody(`Rate limit reached for ${model}.`, 'requests', 'rate_limit_exceeded');
    case 503:
      return errorBody('The engine is overloaded, please try again later.', 'server_error', 'service_unavailable');
    case 529:
      return errorBody('Overloaded.', 'overloaded_error', 'overloaded');
    default:
      return status < 500
        ? errorBody('The request was refused.', 'invalid_request_error', null)
        : errorBody('The server had an error while processing your request.', 'server_error', null);
  }
}
