import { z } from 'zod';

const rate = z.number().min(0).max(1);
const milliseconds = z.number().min(0).max(600_000);

/** How one simulated model behaves. */
export const SimProfile = z.strictObject({
  /** USD per million tokens. */
  price: z.strictObject({ input: z.number().min(0), output: z.number().min(0) }),
  /** Time to the answer: lognormal through these two points. */
  latency: z
    .strictObject({ p50_ms: milliseconds, p95_ms: milliseconds })
    .refine((latency) => latency.p95_ms >= latency.p50_ms, { path: ['p95_ms'], message: 'is below p50_ms' }),
  /** Added to the latency for every token of the answer; the pace of a stream. */
  ms_per_output_token: z.number().min(0).max(10_000).default(0),
  /** Length of the text given to a prompt that has no known answer. */
  output_tokens: z.strictObject({ mean: z.int().min(1).max(100_000) }).default({ mean: 60 }),
  /** Failures that this model has by nature; their rates add up. */
  errors: z
    .array(
      z.strictObject({
        status: z.int().min(400).max(599),
        rate,
        retry_after_s: z.number().min(0).optional(),
      }),
    )
    .default([]),
  /** What each key may ask of it; a request above is answered 429. */
  limits: z
    .strictObject({
      requests_per_minute: z.number().positive().optional(),
      tokens_per_minute: z.number().positive().optional(),
      concurrency: z.int().min(1).optional(),
      /** How much may come at once after a pause. */
      burst_seconds: z.number().positive().max(60).default(1),
    })
    .optional(),
  /** Of a model that embeds, and does not chat: how many dimensions its vectors have. */
  embeddings: z.int().min(1).max(16_384).optional(),
  /** Share of prompts answered rightly, by task; `default` for every other task. */
  skill: z.object({ default: rate }).catchall(rate).default({ default: 1 }),
});
export type SimProfile = z.infer<typeof SimProfile>;

/** Provider-side model id (`sim/small-1`) to its profile. */
export const SimProfiles = z
  .record(z.string().min(1), SimProfile)
  .refine((profiles) => Object.keys(profiles).length > 0, { message: 'names no model' });
export type SimProfiles = z.infer<typeof SimProfiles>;
/** Profiles as a person writes them: what has a default may be left out. */
export type SimProfilesInput = z.input<typeof SimProfiles>;

/** Checks profiles read from a file. Throws an Error whose message is one line with the path of what is wrong. */
export function parseProfiles(input: unknown): SimProfiles {
  const result = SimProfiles.safeParse(input);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const path = issue?.path.map((step) => `[${JSON.stringify(step)}]`).join('') ?? '';
  throw new Error(`model profiles${path}: ${issue?.message ?? 'invalid'}`);
}
