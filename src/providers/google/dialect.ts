import { z } from 'zod';
import { toGoogleCompletion } from './answer.ts';
import { toGoogleEmbeddingRequest, toGoogleEmbeddings } from './embeddings.ts';
import { toGoogleRequest } from './request.ts';
import { createGoogleAssembly } from './stream.ts';
import type { Dialect } from '../provider.ts';

const ModelList = z.object({ models: z.array(z.object({ name: z.string() })) });

/** The Gemini API (https://ai.google.dev/api). The key goes into a header, never into an address, which logs would keep. */
export function createGoogleDialect(provider: string): Dialect {
  return {
    authorization: (apiKey) => ({ 'x-goog-api-key': apiKey }),
    probePath: '/models?pageSize=1000',
    modelIdsIn(body) {
      const list = ModelList.safeParse(body);
      return list.success ? list.data.models.map(({ name }) => name.replace(/^models\//, '')) : undefined;
    },
    toRequest: (model, request, { stream }) => toGoogleRequest(provider, model, request, stream),
    toCompletion: (body, headers) => toGoogleCompletion(provider, body, headers),
    embeddings: {
      toRequest: (model, request) => toGoogleEmbeddingRequest(provider, model, request),
      toCompletion: (body, _headers, request) => toGoogleEmbeddings(provider, body, request),
    },
    createAssembly: (question) => createGoogleAssembly(provider, question),
  };
}
