import type { OpenAI } from 'openai';

/** Chat completions as they come over the wire: https://platform.openai.com/docs/api-reference/chat. */

export type Fields = Record<string, unknown>;

export const USAGE = { prompt_tokens: 12, completion_tokens: 3, total_tokens: 15 };

/** An answer's body, as OpenAI's own client declares it. */
export function chatBody(
  message: Partial<OpenAI.Chat.ChatCompletionMessage>,
  finishReason: OpenAI.Chat.ChatCompletion.Choice['finish_reason'] = 'stop',
  changes: Partial<OpenAI.Chat.ChatCompletion> = {},
): OpenAI.Chat.ChatCompletion {
  return {
    id: 'chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT',
    object: 'chat.completion',
    created: 1_741_569_952,
    model: 'model-2026-08-07',
    choices: [
      {
        index: 0,
        message: { role: 'assistant', content: null, refusal: null, annotations: [], ...message },
        logprobs: null,
        finish_reason: finishReason,
      },
    ],
    usage: USAGE,
    ...changes,
  };
}

/** An answer's body in a form that OpenAI's does not have: that of servers that copy its API, or of a failure. */
export function oddBody(message: Fields, finishReason: string | null = 'stop', changes: Fields = {}): Fields {
  const { choices, ...body } = chatBody({});
  const [choice] = choices;
  return {
    ...body,
    choices: [{ ...choice, message: { ...choice?.message, ...message }, finish_reason: finishReason }],
    ...changes,
  };
}

/** The same answer in pieces: the deltas one after the other, the finish reason, the usage without choices, the end. */
export function chatStream(
  deltas: readonly Fields[],
  finishReason: string | null = 'stop',
  { usage = USAGE, ...changes }: Fields = {},
): string {
  const chunk = (fields: Fields): Fields => ({
    id: 'chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT',
    object: 'chat.completion.chunk',
    created: 1_741_569_952,
    model: 'model-2026-08-07',
    ...changes,
    ...fields,
  });
  const choice = (delta: Fields, reason: string | null): Fields =>
    chunk({ choices: [{ index: 0, delta, logprobs: null, finish_reason: reason }], usage: null });
  return eventsOf([
    choice({ role: 'assistant', content: '', refusal: null }, null),
    ...deltas.map((delta) => choice(delta, null)),
    choice({}, finishReason),
    ...(usage === null ? [] : [chunk({ choices: [], usage })]),
    '[DONE]',
  ]);
}

export function eventsOf(events: readonly (Fields | string)[]): string {
  return events.map((event) => `data: ${typeof event === 'string' ? event : JSON.stringify(event)}\n\n`).join('');
}
