import { z } from 'zod';
import type { EmbeddingRequest } from '../../domain/embedding.ts';
import type { ModelSpec } from '../../domain/model.ts';
import type { Completion } from '../../domain/result.ts';
import { badResponse, failureInBody } from '../failures.ts';
import { toVectors } from '../vectors.ts';
import { errorIn } from './answer.ts';
import { chargeOf, ChatUsage } from './usage.ts';

/** Only what is read of an answer. */
const EmbeddingsAnswer = z.object({
  id: z.string().nullish(),
  model: z.string().nullish(),
  data: z.array(z.object({ index: z.int().min(0).nullish(), embedding: z.unknown() })),
  usage: ChatUsage,
});
type EmbeddingsAnswer = z.infer<typeof EmbeddingsAnswer>;

/** https://platform.openai.com/docs/api-reference/embeddings/create */
export function toEmbeddingsBody(
  model: ModelSpec,
  { inputs, dimensions }: EmbeddingRequest,
  asBase64: boolean,
): Record<string, unknown> {
  return {
    model: model.id,
    input: inputs,
    ...(dimensions === undefined ? {} : { dimensions }),
    ...(asBase64 ? { encoding_format: 'base64' } : {}),
  };
}

/** An answer's body as a completion. `chargedNanos` is what its headers say that it cost. */
export function toEmbeddings(
  provider: string,
  body: unknown,
  request: EmbeddingRequest,
  chargedNanos: number | undefined,
): Completion {
  const error = errorIn(body);
  if (error !== undefined) throw failureInBody(provider, error);
  const parsed = EmbeddingsAnswer.safeParse(body);
  if (!parsed.success) throw badResponse(provider, 'with a body that is no list of embeddings');
  const { id, model, data, usage: counted } = parsed.data;
  const usage = usageOf(counted);
  const nanos = chargedNanos ?? chargeOf(counted);
  const charge = nanos === undefined ? {} : { nanos };
  const billed = usage.estimated && nanos === undefined ? undefined : { usage, ...charge };
  return {
    content: null,
    embeddings: toVectors(provider, vectorsIn(data), request, billed),
    finish_reason: 'stop',
    usage,
    ...(id ? { response_id: id } : {}),
    ...(model ? { served_model: model } : {}),
    ...(nanos === undefined ? {} : { billed_nanos: nanos }),
  };
}

/** By index; some servers give none, or 0 to all of them. */
function vectorsIn(data: EmbeddingsAnswer['data']): unknown[] {
  const hasIndexes = new Set(data.map(({ index }) => index)).size === data.length;
  const ordered = hasIndexes ? data.toSorted((one, other) => (one.index ?? 0) - (other.index ?? 0)) : data;
  return ordered.map(({ embedding }) => embedding);
}

/** Servers that do not count say nothing, or 0. */
function usageOf(usage: ChatUsage): Completion['usage'] {
  const tokens = usage?.prompt_tokens || usage?.total_tokens;
  return { input_tokens: tokens || 0, output_tokens: 0, ...(tokens ? {} : { estimated: true }) };
}
