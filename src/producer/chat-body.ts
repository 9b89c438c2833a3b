import { z } from 'zod';
import { type Problem, check } from '../domain/issues.ts';
import { Message, SamplingParameters } from '../domain/request.ts';

/** A request of OpenAI's chat completions, as its batch format has it. */
const ChatBody = z.strictObject({
  model: z.string().min(1),
  messages: z.array(Message).min(1).max(2_000),
  ...SamplingParameters.shape,
  max_tokens: z.int().min(1).optional(),
  max_completion_tokens: z.int().min(1).optional(),
  user: z.string().optional(),
  metadata: z.record(z.string(), z.string()).nullish(),
  stream: z.literal(false, 'a batch has no streams; leave it out').nullish(),
  n: z.literal(1, 'one answer a row; leave it out').nullish(),
  store: z.boolean().nullish(),
  service_tier: z.string().nullish(),
});

/** The body as fields of a row of ours. */
export function readChatBody(body: unknown): { ok: true; value: object } | { ok: false; problems: Problem[] } {
  const checked = check(ChatBody, body);
  if (!checked.ok) return checked;
  const {
    max_tokens,
    max_completion_tokens,
    metadata,
    stream: _stream,
    n: _n,
    store: _store,
    service_tier: _tier,
    ...rest
  } = checked.value;
  const maxTokens = max_completion_tokens ?? max_tokens;
  return {
    ok: true,
    value: {
      ...rest,
      ...(maxTokens === undefined ? {} : { max_tokens: maxTokens }),
      ...(metadata ? { metadata } : {}),
    },
  };
}
