import { z } from 'zod';
import { decodeVector, Dimensions, EmbeddingInput, vectorToJson } from '../embedding.ts';
import { type Problem, check } from '../issues.ts';
import { nanosToUsd } from '../money.ts';
import type { CompletedResult } from '../result.ts';
import { servedModelOf } from './chat/answer.ts';
import { defined } from './defined.ts';

const EncodingFormat = z.enum(['float', 'base64']);
export type EncodingFormat = z.infer<typeof EncodingFormat>;

/** A request for embeddings (https://platform.openai.com/docs/api-reference/embeddings/create), with OpenRouter's own. */
const Body = z.strictObject({
  model: z.string().min(1).max(256),
  input: EmbeddingInput,
  encoding_format: EncodingFormat.nullish(),
  dimensions: Dimensions.nullish(),
  user: z.string().max(256).nullish(),
  metadata: z.record(z.string(), z.string()).nullish(),
  models: z.array(z.string().min(1).max(256)).min(1).max(100).nullish(),
  provider: z.unknown().optional(),
});

/** A request in the words of a job. */
export type EmbeddingsBody = {
  model: string;
  input: EmbeddingInput;
  dimensions?: number;
  encoding?: EncodingFormat;
  user?: string;
  metadata?: Record<string, string>;
  models?: string[];
  provider?: unknown;
};

export function readEmbeddingsRequest(
  input: unknown,
): { ok: true; value: EmbeddingsBody } | { ok: false; problems: Problem[] } {
  const checked = check(Body, input);
  if (!checked.ok) return checked;
  const { value: body } = checked;
  return {
    ok: true,
    value: defined<EmbeddingsBody>({
      model: body.model,
      input: body.input,
      dimensions: body.dimensions ?? undefined,
      encoding: body.encoding_format ?? undefined,
      user: body.user ?? undefined,
      metadata: body.metadata ?? undefined,
      models: body.models ?? undefined,
      provider: body.provider ?? undefined,
    }),
  };
}

/** An answer as OpenAI's list of embeddings, with what all attempts cost together in USD (`usage.cost`). */
export function embeddingsOf(result: CompletedResult): object {
  const { embeddings = [] } = result.completion;
  const data = embeddings.map((vector, index) => {
    return { object: 'embedding', index, embedding: Array.from(decodeVector(vector)) };
  });
  return { object: 'list', data, ...besideData(result) };
}

/**
 * The same, written out vector by vector: two thousand of them are three million numbers, which would hold up everybody
 * else if they were written at once.
 */
export function* writeEmbeddings(result: CompletedResult, encoding: EncodingFormat = 'float'): Generator<string> {
  const { embeddings = [] } = result.completion;
  yield '{"object":"list","data":[';
  for (const [index, vector] of embeddings.entries()) {
    // What base64 is made of needs no escape.
    const embedding = encoding === 'base64' ? `"${vector}"` : vectorToJson(vector);
    yield `${index === 0 ? '' : ','}{"object":"embedding","index":${index},"embedding":${embedding}}`;
  }
  yield `],${JSON.stringify(besideData(result)).slice(1)}`;
}

function besideData(result: CompletedResult): object {
  const { usage } = result.completion;
  return {
    model: servedModelOf(result),
    usage: {
      prompt_tokens: usage.input_tokens,
      total_tokens: usage.input_tokens + usage.output_tokens,
      cost: nanosToUsd(result.cost_nanos),
    },
  };
}
