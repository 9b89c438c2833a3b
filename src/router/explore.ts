import type { Expectations } from './evidence/learned.ts';
import { type Forecast, logOf } from './predict.ts';

/** What a draw says that scores and median latencies may be, by row. */
export type Draw = { scores: Float64Array; latencyMs: Float64Array; latencyLogs: Float64Array };

/** The standard deviation of the logarithm of a latency that nobody has seen: it may well be half, or twice as long. */
const UNSEEN_LATENCY = 0.7;

/**
 * One draw for each model from what is believed of it (Thompson sampling). A model that is little known is now and then the
 * best of them, one that is known to be worse hardly ever.
 */
export function draw(
  { scores, deviations }: Expectations,
  { latencyMs, calls }: Pick<Forecast, 'latencyMs' | 'calls'>,
  random: () => number,
): Draw {
  const drawnMs = latencyMs.p50.map((median, row) => {
    const deviation = UNSEEN_LATENCY / Math.sqrt(1 + (calls[row] as number));
    return median * Math.exp(deviation * normal(random));
  });
  return {
    scores: scores.map((score, row) => score + (deviations[row] as number) * normal(random)),
    latencyMs: drawnMs,
    latencyLogs: drawnMs.map(logOf),
  };
}

/** Standard normal (Box and Muller, 1958). */
function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}
