import { z } from 'zod';
import { MOST_USD_PER_MILLION } from '../../domain/money.ts';

/** What one model did with a recorded prompt. */
const RecordedOutcome = z.looseObject({
  /** 0 to 1. */
  score: z.number().min(0).max(1),
  cost_usd: z.number().min(0).optional(),
  input_tokens: z.number().min(0).optional(),
  output_tokens: z.number().min(0).optional(),
  latency_ms: z.number().min(0).optional(),
});

/** A prompt as it is to be routed. */
export const RecordedPrompt = z.looseObject({
  id: z.string().min(1),
  task: z.preprocess((task) => (task === null || task === '' ? undefined : task), z.string().optional()).optional(),
  prompt: z.string(),
  /** The tools that it was given, as text. */
  tools: z.string().optional(),
});
export type RecordedPrompt = z.infer<typeof RecordedPrompt>;

/** A prompt with the outcomes of the models that were asked, by name; any of them may be missing. */
export const RecordedRow = RecordedPrompt.extend({ outcomes: z.record(z.string(), RecordedOutcome) });
export type RecordedRow = z.infer<typeof RecordedRow>;

const Price = z.number().min(0).max(MOST_USD_PER_MILLION);

/** The models of a recording, by name, with their list prices where they are known. */
export const RecordedModels = z.record(
  z.string().min(1),
  z.looseObject({
    input_usd_per_mtok: Price.optional(),
    output_usd_per_mtok: Price.optional(),
  }),
);
export type RecordedModels = z.infer<typeof RecordedModels>;
