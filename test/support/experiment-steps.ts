import type { z } from 'zod';
import { ExperimentConfig } from '../../src/domain/experiment-config.ts';
import type { Standing } from '../../src/domain/experiment-standing.ts';
import type { UsageRecord } from '../../src/domain/usage.ts';
import { createExperimentTally } from '../../src/store/experiments/tally.ts';
import type { Stores } from './harness.ts';
import { usageRecord } from './ledger-steps.ts';

/** Calls and scores that belong to variants of experiments, as they stand in the streams. */

export type Event = {
  kind: 'completed' | 'failed' | 'cached' | 'correction' | 'score';
  job: number;
  user: string | undefined;
  variant: string | undefined;
  amount: number;
};

export const call = (variant: string, job: number): Event => ({
  kind: 'completed',
  job,
  user: undefined,
  variant,
  amount: 5,
});

export const experimentWith = (more: Partial<z.input<typeof ExperimentConfig>> = {}) =>
  ExperimentConfig.parse({ variants: { a: {}, b: {} }, ...more });

export async function write({ redis, keys }: Stores, events: readonly Event[]): Promise<void> {
  for (const { kind, job, user, variant, amount } of events) {
    const tags = { ...(user === undefined ? {} : { user }), ...(variant === undefined ? {} : { variant }) };
    const call = (outcome: UsageRecord['outcome']) => usageRecord({ job: `j-${job}` }, outcome, amount);
    const [stream, record] =
      kind === 'score'
        ? [keys.feedback, { job_id: `j-${job}`, model: 'small', task: null, score: amount / 100, source: 'test' }]
        : [keys.usage, call(kind)];
    await redis.xadd(stream, '*', 'record', JSON.stringify({ ...record, ...tags }));
  }
}

/** How the experiment `trial` stands, once all is counted. */
export async function standingOf({ redis, keys }: Stores, experiment = experimentWith()): Promise<Standing> {
  const tally = await createExperimentTally(redis, keys, 'trial', experiment, undefined).catchUp();
  if (tally === undefined) throw new Error('counted under another configuration');
  return tally.standing;
}
