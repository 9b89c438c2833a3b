import { percentileOf } from './metrics.ts';
import type { Router } from './policies.ts';

/** How long decisions take, warm, the building of the question from the job included. */
export type DecisionTimes = { p50Us: number; p99Us: number };

const WARM_UP_CALLS = 2_000;
const MEASURED_CALLS = 2_000;

export function timeDecisions({ replay, asked }: Router, part: readonly number[]): DecisionTimes {
  return timed(
    (call) => replay.decide(asked(part[call % part.length] as number), { objective: 'quality' })?.chain.length ?? 0,
  );
}

/** Times calls one by one; each must find a model, else nothing is measured. */
export function timed(decide: (call: number) => number, calls = MEASURED_CALLS, warmUp = WARM_UP_CALLS): DecisionTimes {
  const durationsUs = new Float64Array(calls);
  let found = 0;
  for (let call = -warmUp; call < calls; call += 1) {
    const startedAt = process.hrtime.bigint();
    found += decide(Math.abs(call));
    if (call >= 0) durationsUs[call] = Number(process.hrtime.bigint() - startedAt) / 1_000;
  }
  if (found === 0) throw new Error('no question found a model: the benchmark measures nothing');
  return { p50Us: percentileOf(durationsUs, 0.5), p99Us: percentileOf(durationsUs, 0.99) };
}
