import { z } from 'zod';
import type { EmbeddingRequest } from '../../domain/embedding.ts';
import { GatewayError } from '../../domain/errors.ts';
import type { ModelSpec } from '../../domain/model.ts';
import type { Completion } from '../../domain/result.ts';
import { badResponse, failureInBody } from '../failures.ts';
import type { WireRequest } from '../provider.ts';
import { TokenCount } from '../token-count.ts';
import { toVectors } from '../vectors.ts';
import { pathOf } from './request.ts';

/** Only what is read of an answer. Older models do not count. */
const Answer = z.object({
  embeddings: z.array(z.object({ values: z.unknown() })),
  usageMetadata: z.object({ promptTokenCount: TokenCount }).nullish().catch(null),
});

/** https://ai.google.dev/api/embeddings: one request for each input, all of them in one call. */
export function toGoogleEmbeddingRequest(
  provider: string,
  model: ModelSpec,
  { inputs, dimensions }: EmbeddingRequest,
): WireRequest {
  const path = pathOf(model.id);
  return {
    path: `/${path}:batchEmbedContents`,
    body: {
      requests: inputs.map((input) => {
        // The router leaves Google out for what it cannot be told; this is for what came all the same.
        if (typeof input !== 'string') {
          throw new GatewayError('REQUEST_REJECTED', `${provider}: embeds texts, not tokens`, { provider });
        }
        return {
          model: decodeURIComponent(path),
          content: { parts: [{ text: input }] },
          ...(dimensions === undefined ? {} : { outputDimensionality: dimensions }),
        };
      }),
    },
  };
}

/** A whole answer as a completion. Throws a GatewayError when, though 200, it is none. */
export function toGoogleEmbeddings(provider: string, body: unknown, request: EmbeddingRequest): Completion {
  if (body !== null && typeof body === 'object' && 'error' in body && body.error) {
    throw failureInBody(provider, body.error);
  }
  const parsed = Answer.safeParse(body);
  if (!parsed.success) throw badResponse(provider, 'with a body that is no list of embeddings');
  const { embeddings: told, usageMetadata } = parsed.data;
  const tokens = usageMetadata?.promptTokenCount;
  const usage = { input_tokens: tokens || 0, output_tokens: 0, ...(tokens ? {} : { estimated: true }) };
  const values = told.map((each) => each.values);
  const embeddings = toVectors(provider, values, request, tokens ? { usage } : undefined);
  return { content: null, embeddings, finish_reason: 'stop', usage };
}
