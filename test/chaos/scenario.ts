import { setTimeout as pause } from 'node:timers/promises';
import { type Audit, NO_FIGURES } from './audit.ts';
import type { Fault, FaultContext, FaultReport } from './fault.ts';
import { Stage, type StageOptions } from './stage.ts';

/** A fault as it is written down; `defineFault` makes it run within its time and judges what it left. */
export type Scenario = {
  name: string;
  isShort: boolean;
  isHeavy?: boolean;
  stage?: (context: FaultContext) => StageOptions;
  /** Starts workers, submits jobs, does harm. What it returns are violations of its own. */
  play(stage: Stage, context: FaultContext): Promise<readonly string[] | void>;
  /** Looks at what is left in the end, besides what is looked at for every fault. */
  verify?(stage: Stage, audit: Audit, context: FaultContext): readonly string[] | Promise<readonly string[]>;
  /** The figure that only the batch that is killed at half has. */
  resumeSpendRatio?(stage: Stage): Promise<number>;
  /** For `play`. */
  playWithinMs?: number;
  /** For all jobs to end after it. */
  endWithinMs?: number;
};

const OPEN_WITHIN_MS = 30_000;
const PLAY_WITHIN_MS = 60_000;
const END_WITHIN_MS = 60_000;
const PLANTED_END_WITHIN_MS = 12_000;
const AUDIT_WITHIN_MS = 20_000;
const CLOSE_WITHIN_MS = 20_000;

export function defineFault(scenario: Scenario): Fault {
  const { name, isShort, isHeavy = false } = scenario;
  return { name, isShort, isHeavy, run: (context) => run(scenario, context) };
}

async function run(scenario: Scenario, context: FaultContext): Promise<FaultReport> {
  const { name } = scenario;
  const violations: string[] = [];
  /** Undefined, and a violation, when it throws or takes too long. */
  const attempt = async <Value>(
    what: string,
    withinMs: number,
    work: () => Promise<Value>,
  ): Promise<Value | undefined> =>
    withDeadline(work(), withinMs).catch((error: unknown) => {
      violations.push(`${what}: ${error instanceof Error ? error.message : String(error)}`);
      return undefined;
    });

  const opening = Stage.open({ ...scenario.stage?.(context), seed: context.seed, plant: context.plant });
  const stage = await attempt('opening the stage', OPEN_WITHIN_MS, () => opening);
  if (!stage) {
    opening.then((late) => late.close()).catch(() => {});
    return { name, ...NO_FIGURES, ok: false, violations };
  }
  const own = await attempt('the play', scenario.playWithinMs ?? PLAY_WITHIN_MS, () => scenario.play(stage, context));
  violations.push(...(own ?? []));
  const allowedMs = scenario.endWithinMs ?? END_WITHIN_MS;
  // With a bug on purpose, much never ends.
  const endWithinMs = context.plant ? Math.min(PLANTED_END_WITHIN_MS, allowedMs) : allowedMs;
  const hasEnded = await attempt('the end', endWithinMs + AUDIT_WITHIN_MS, () => stage.untilEnded(endWithinMs));
  if (hasEnded === false) violations.push(`something still goes on after ${endWithinMs / 1_000} s`);
  const audit = await attempt('the audit', AUDIT_WITHIN_MS, () => stage.audit());
  violations.push(...(audit?.violations ?? []));
  const verified = audit
    ? await attempt('looking', AUDIT_WITHIN_MS, async () => scenario.verify?.(stage, audit, context))
    : undefined;
  violations.push(...(verified ?? []));
  const ratio = await attempt('the ratio', AUDIT_WITHIN_MS, async () => scenario.resumeSpendRatio?.(stage));
  await attempt('closing the stage', CLOSE_WITHIN_MS, () => stage.close());
  const figures = { ...(audit?.figures ?? NO_FIGURES), ...(ratio === undefined ? {} : { resume_spend_ratio: ratio }) };
  return { name, ...figures, ok: violations.length === 0, violations };
}

async function withDeadline<Value>(work: Promise<Value>, withinMs: number): Promise<Value> {
  const timer = new AbortController();
  const late = pause(withinMs, undefined, { signal: timer.signal }).then(() => {
    throw new Error(`not done within ${withinMs / 1_000} s`);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    late.catch(() => {});
    timer.abort();
  }
}
