import { expect, test } from 'vitest';
import type { JobReply } from '../../src/domain/job.ts';
import type { Outcome } from '../../src/domain/outcome.ts';
import type { AttemptSummary } from '../../src/domain/result.ts';
import { runAttempt } from '../../src/workers/attempt.ts';
import { openServices } from '../support/budget-desk.ts';
import { type Harness, useHarness } from '../support/harness.ts';

const open = useHarness();
const DIED: AttemptSummary = {
  model: 'small',
  provider: 'alpha',
  outcome: 'unconfirmed',
  error_code: 'INTERRUPTED',
  cost_nanos: 1,
  latency_ms: 0,
};

/** The second start of a job whose first worker died during its call. */
async function startAgain(harness: Harness, reply: JobReply): Promise<Outcome> {
  const { redis, keys, producer } = harness;
  const { id: jobId, job } = producer.prepare({ prompt: 'x' });
  await redis.rpush(keys.trail(jobId), JSON.stringify(DIED));
  const { services, close } = await openServices(harness, 0);
  const counts = { attemptsStarted: 2, attemptsMade: 0, stalls: 1, maxAttempts: 4, deferrals: 0 };
  const hold = { signal: new AbortController().signal, isHeld: () => true };
  const outcome = await runAttempt({ jobId, job: { ...job, reply }, ...counts }, services, hold);
  await close();
  return outcome;
}

test('a job whose worker died while it may have passed its answer on is not asked again', async () => {
  const harness = await open();
  const outcome = await startAgain(harness, { to: 'somebody', pieces: true });
  expect(outcome).toMatchObject({ kind: 'rejected', error: { code: 'INTERRUPTED' } });
  expect(harness.sim.ledger.totals().calls).toBe(0);
});

test('one of which nothing was passed on is', async () => {
  const harness = await open();
  expect(await startAgain(harness, { to: 'somebody' })).toMatchObject({ kind: 'completed' });
  expect(harness.sim.ledger.totals().calls).toBe(1);
});
