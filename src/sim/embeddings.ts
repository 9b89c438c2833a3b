import { z } from 'zod';
import { drawUnit, hashText } from './hash.ts';
import { CHARACTERS_PER_TOKEN, type ChatRequest, type Completion } from './wire.ts';

const Tokens = z.array(z.int().min(0)).min(1);
const MOST_INPUTS = 2_048;

/** In the words of OpenAI's API. */
const EmbeddingRequest = z.object({
  model: z.string().min(1),
  input: z.union([
    z.string().min(1),
    z.array(z.string().min(1)).min(1).max(MOST_INPUTS),
    Tokens,
    z.array(Tokens).min(1).max(MOST_INPUTS),
  ]),
  dimensions: z.int().min(1).nullish(),
  encoding_format: z.enum(['float', 'base64']).nullish(),
});

/** A request for embeddings in the planner's words: each input a message. What is wrong with it comes back as one sentence. */
export function readEmbeddingRequest(value: unknown): ChatRequest | string {
  const result = EmbeddingRequest.safeParse(value);
  if (!result.success) {
    const issue = result.error.issues[0];
    return `${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'invalid'}`;
  }
  const { model, input, dimensions, encoding_format: encoding } = result.data;
  return {
    model,
    messages: inputsOf(input).map((each) => ({ role: 'user', content: textOf(each) })),
    embed: { dimensions: dimensions ?? undefined, asBase64: encoding === 'base64' },
  };
}

function inputsOf(input: z.infer<typeof EmbeddingRequest>['input']): (string | number[])[] {
  if (typeof input === 'string') return [input];
  return typeof input[0] === 'number' ? [input as number[]] : (input as (string | number[])[]);
}

/** As many characters for a token as a token is counted for. */
function textOf(input: string | number[]): string {
  if (typeof input === 'string') return input;
  return input
    .map((token) => token.toString(36).padStart(CHARACTERS_PER_TOKEN, '0').slice(-CHARACTERS_PER_TOKEN))
    .join('');
}

/**
 * A unit vector that follows from the hash. A shorter one is the beginning of the longer, at length 1 again, as with
 * models that are trained for it.
 */
export function embed(text: string, seed: number, dimensions: number): Float32Array {
  const hash = hashText(text, seed);
  const numbers = Float64Array.from({ length: dimensions }, (_, index) => drawUnit(hash, `dimension ${index}`) - 0.5);
  const length = Math.hypot(...numbers);
  return Float32Array.from(numbers, (number) => number / length);
}

/** https://platform.openai.com/docs/api-reference/embeddings */
export function openAiEmbeddingsBody(
  { model, inputTokens }: Completion,
  { vectors, asBase64 }: NonNullable<Completion['embeddings']>,
  usage: object = {},
): string {
  return JSON.stringify({
    object: 'list',
    data: vectors.map((vector, index) => ({
      object: 'embedding',
      index,
      embedding: asBase64 ? Buffer.from(vector.buffer).toString('base64') : [...vector],
    })),
    model,
    usage: { prompt_tokens: inputTokens, total_tokens: inputTokens, ...usage },
  });
}

/** https://ai.google.dev/api/embeddings */
export function googleEmbeddingsBody(
  { inputTokens }: Completion,
  { vectors }: NonNullable<Completion['embeddings']>,
): string {
  return JSON.stringify({
    embeddings: vectors.map((vector) => ({ values: [...vector] })),
    usageMetadata: { promptTokenCount: inputTokens },
  });
}

const GoogleRequest = z.strictObject({
  requests: z
    .array(
      z.strictObject({
        model: z.string(),
        content: z.object({ parts: z.array(z.object({ text: z.string().min(1) })).min(1) }),
        taskType: z.string().nullish(),
        title: z.string().nullish(),
        outputDimensionality: z.int().min(1).nullish(),
      }),
    )
    .min(1)
    .max(100, 'at most 100 requests can be in one batch'),
});

/** Likewise of Google's; `model` is the one of the address. */
export function readGoogleEmbeddings(body: unknown, model: string): ChatRequest | string {
  const parsed = GoogleRequest.safeParse(body);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    return `* BatchEmbedContentsRequest.${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'invalid'}`;
  }
  const { requests } = parsed.data;
  if (requests.some((each) => each.model !== `models/${model}`)) {
    return '* BatchEmbedContentsRequest.requests: the model of each must be that of the address';
  }
  return readEmbeddingRequest({
    model,
    input: requests.map(({ content }) => content.parts.map(({ text }) => text).join('\n')),
    dimensions: requests[0]?.outputDimensionality,
  });
}
