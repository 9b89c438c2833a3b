import { z } from 'zod';

/** The wire format of OpenAI's chat completions (https://platform.openai.com/docs/api-reference/chat). */

const Part = z.object({ type: z.string(), text: z.string().optional() });
const Message = z.object({
  role: z.enum(['system', 'developer', 'user', 'assistant', 'tool']),
  content: z.union([z.string(), z.array(Part)]).nullish(),
});

/** What the simulator understands of a request; it lets everything else pass, as OpenAI's clients expect. */
export const ChatRequest = z.object({
  model: z.string().min(1),
  messages: z.array(Message).min(1),
  max_tokens: z.int().min(1).nullish(),
  max_completion_tokens: z.int().min(1).nullish(),
  n: z.literal(1).nullish(),
  stream: z.boolean().nullish(),
  stream_options: z.object({ include_usage: z.boolean().nullish() }).nullish(),
  response_format: z.object({ type: z.string(), json_schema: z.object({ schema: z.unknown() }).optional() }).nullish(),
});
export type ChatRequest = z.infer<typeof ChatRequest>;

export type FinishReason = 'stop' | 'length';

export type Completion = {
  id: string;
  /** Unix time in seconds. */
  created: number;
  model: string;
  text: string;
  finishReason: FinishReason;
  inputTokens: number;
  outputTokens: number;
};

/** Tokens are counted by a simple rule: four characters each, rounded up. */
export const CHARACTERS_PER_TOKEN = 4;

export function countTokens(characters: number): number {
  return Math.ceil(characters / CHARACTERS_PER_TOKEN);
}

/** The text of a message; parts that are not text do not count. */
export function textOf(message: ChatRequest['messages'][number]): string {
  if (typeof message.content === 'string') return message.content;
  return (message.content ?? []).map((part) => part.text ?? '').join('\n');
}

export function completionBody(completion: Completion): string {
  const { id, created, model, text, finishReason } = completion;
  return JSON.stringify({
    id,
    object: 'chat.completion',
    created,
    model,
    choices: [
      {
        index: 0,
        message: { role: 'assistant', content: text, refusal: null },
        logprobs: null,
        finish_reason: finishReason,
      },
    ],
    usage: usageOf(completion),
    system_fingerprint: null,
  });
}

/** Server-sent events: the role, the text in pieces, the finish reason, perhaps the usage, `[DONE]`. */
export function streamEvents(completion: Completion, includeUsage: boolean): string[] {
  const { id, created, model, text, finishReason } = completion;
  const head = { id, object: 'chat.completion.chunk', created, model };
  // OpenAI sends `usage: null` in every chunk before the last one, but only to those who asked for usage.
  const tail = includeUsage ? { usage: null } : {};
  const chunk = (delta: object, finish: FinishReason | null): object => ({
    ...head,
    choices: [{ index: 0, delta, logprobs: null, finish_reason: finish }],
    ...tail,
  });
  const chunks: object[] = [
    chunk({ role: 'assistant', content: '' }, null),
    ...piecesOf(text).map((piece) => chunk({ content: piece }, null)),
    chunk({}, finishReason),
  ];
  if (includeUsage) chunks.push({ ...head, choices: [], usage: usageOf(completion) });
  return [...chunks.map((body) => `data: ${JSON.stringify(body)}\n\n`), 'data: [DONE]\n\n'];
}

const TOKENS_PER_PIECE = 4;
export const CHARACTERS_PER_PIECE = TOKENS_PER_PIECE * CHARACTERS_PER_TOKEN;

function piecesOf(text: string): string[] {
  const pieces: string[] = [];
  for (let start = 0; start < text.length; start += CHARACTERS_PER_PIECE) {
    pieces.push(text.slice(start, start + CHARACTERS_PER_PIECE));
  }
  return pieces;
}

function usageOf({ inputTokens, outputTokens }: Completion): object {
  return { prompt_tokens: inputTokens, completion_tokens: outputTokens, total_tokens: inputTokens + outputTokens };
}

/** OpenAI's error envelope. */
export function errorBody(message: string, type: string, code: string | null, parameter: string | null = null): string {
  return JSON.stringify({ error: { message, type, param: parameter, code } });
}

/** The body that an OpenAI-shaped provider sends with an error status. */
export function statusErrorBody(status: number, model: string): string {
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
