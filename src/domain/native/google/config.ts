import { z } from 'zod';
import { SamplingParameters } from '../../request.ts';
import { defined } from '../defined.ts';
import { toJsonSchema } from './schema.ts';
import { uncarried } from '../uncarried.ts';

const JsonObject = z.record(z.string(), z.json());
const { temperature, top_p, seed, frequency_penalty, presence_penalty } = SamplingParameters.shape;

const ThinkingConfig = z.strictObject({
  thinkingLevel: z
    .string()
    .regex(/^(minimal|low|medium|high)$/i, 'use MINIMAL, LOW, MEDIUM or HIGH')
    .optional(),
  thinkingBudget: z.int().min(-1).optional(),
  includeThoughts: z.literal(false, 'answers are kept without thoughts; leave it out').optional(),
});

export const GenerationConfig = z
  .strictObject({
    temperature,
    topP: top_p,
    seed,
    frequencyPenalty: frequency_penalty,
    presencePenalty: presence_penalty,
    stopSequences: z.array(z.string()).max(4).optional(),
    maxOutputTokens: z.int().min(1).optional(),
    candidateCount: z.literal(1, 'one answer a row; leave it out').optional(),
    responseMimeType: z.enum(['text/plain', 'application/json']).optional(),
    responseSchema: JsonObject.optional(),
    responseJsonSchema: JsonObject.optional(),
    responseModalities: z.array(z.literal('TEXT', 'only texts can be answered')).optional(),
    thinkingConfig: ThinkingConfig.optional(),
    topK: uncarried('not every model has it; use topP'),
    responseLogprobs: uncarried('answers are kept without logprobs; leave it out'),
    logprobs: uncarried('answers are kept without logprobs; leave it out'),
    mediaResolution: uncarried('only Google has it; leave it out'),
  })
  .refine(
    ({ responseSchema, responseJsonSchema, responseMimeType: type }) =>
      (responseSchema === undefined && responseJsonSchema === undefined) || type === 'application/json',
    { path: ['responseMimeType'], message: 'a schema needs application/json' },
  );
export type GenerationConfig = z.infer<typeof GenerationConfig>;

/** The limit on the answer apart: with us it is a field of the job. */
export function toSampling(config: GenerationConfig): SamplingParameters {
  return defined<SamplingParameters>({
    temperature: config.temperature,
    top_p: config.topP,
    seed: config.seed,
    stop: config.stopSequences,
    frequency_penalty: config.frequencyPenalty,
    presence_penalty: config.presencePenalty,
    reasoning_effort: toEffort(config.thinkingConfig),
    response_format: toResponseFormat(config),
  });
}

type Effort = NonNullable<SamplingParameters['reasoning_effort']>;

/** A budget counts as the effort for which Google itself takes such a one (https://ai.google.dev/gemini-api/docs/openai). */
function toEffort(config: GenerationConfig['thinkingConfig']): Effort | undefined {
  const { thinkingLevel: level, thinkingBudget: budget } = config ?? {};
  if (level !== undefined) return level.toLowerCase() as Effort;
  // -1 leaves it to the model, as saying nothing does.
  if (budget === undefined || budget < 0) return undefined;
  if (budget === 0) return 'none';
  if (budget <= 1_024) return 'low';
  return budget <= 8_192 ? 'medium' : 'high';
}

function toResponseFormat(config: GenerationConfig): SamplingParameters['response_format'] {
  if (config.responseMimeType !== 'application/json') return undefined;
  const { responseSchema, responseJsonSchema } = config;
  const schema = responseJsonSchema ?? (responseSchema && toJsonSchema(responseSchema));
  return schema === undefined
    ? { type: 'json_object' }
    : { type: 'json_schema', json_schema: { name: 'response', schema } };
}
