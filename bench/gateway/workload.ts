import type { SimProfilesInput } from '../../src/sim/profiles.ts';

/** What every contender is asked: one chat completion of about 1 kB, answered by one simulated model. */

export const MODEL = 'bench/plain';
export const STREAM_MODEL = 'bench/stream';

/** Pieces of a stream come this far apart, so that its first one does not come together with its last. */
const STREAM_MS_PER_TOKEN = 0.5;
const PRICE = { input: 0.15, output: 0.6 };

export function simProfiles(latencyMs: number): SimProfilesInput {
  const latency = { p50_ms: latencyMs, p95_ms: latencyMs };
  return {
    [MODEL]: { price: PRICE, latency, output_tokens: { mean: 60 } },
    [STREAM_MODEL]: { price: PRICE, latency, output_tokens: { mean: 40 }, ms_per_output_token: STREAM_MS_PER_TOKEN },
  };
}

const SENTENCE = 'Read the note below and say in one line what its writer wants from us, and by when. ';
const MESSAGES = [
  { role: 'system', content: 'You are a careful clerk.' },
  { role: 'user', content: `Note 17. ${SENTENCE.repeat(10)}` },
];

export const BODY = JSON.stringify({ model: MODEL, max_tokens: 200, messages: MESSAGES });
export const STREAM_BODY = JSON.stringify({ model: STREAM_MODEL, max_tokens: 200, stream: true, messages: MESSAGES });

export type Effort = {
  rounds: number;
  /** Once for each contender before the first round, at 32 connections. */
  firstWarmUpMs: number;
  /** Before each measurement, on its own connections. */
  warmUpMs: number;
  measureMs: number;
  streamMs: number;
};

export const FULL: Effort = { rounds: 3, firstWarmUpMs: 4_000, warmUpMs: 700, measureMs: 4_000, streamMs: 2_000 };
export const QUICK: Effort = { rounds: 1, firstWarmUpMs: 1_500, warmUpMs: 400, measureMs: 2_000, streamMs: 700 };

export const CONNECTIONS = [1, 32, 256] as const;
export const STREAM_CONNECTIONS: readonly number[] = [1, 32];
