import { pino } from 'pino';
import { DeadLetters, type RetryOutcome } from '../../src/producer/dead-letters.ts';
import type { DeadLetter } from '../../src/store/dead-letters.ts';
import { type JanitorOptions, janitorChore } from '../../src/workers/janitor.ts';
import { type Harness, until } from './harness.ts';

/** Dead letters of a harness, for as long as `use` takes. */
export async function withDeadLetters<Value>(
  { config, target }: Harness,
  use: (letters: DeadLetters) => Promise<Value>,
): Promise<Value> {
  await using letters = new DeadLetters({ config, redis: target });
  return await use(letters);
}

export async function allOf(letters: DeadLetters): Promise<DeadLetter[]> {
  const found: DeadLetter[] = [];
  for await (const letter of letters.find()) found.push(letter);
  return found;
}

/** Retries these, and says what came of each. */
export async function retry(letters: DeadLetters, which: readonly DeadLetter[]): Promise<Record<string, RetryOutcome>> {
  const outcomes: Record<string, RetryOutcome> = {};
  for await (const { jobId, outcome } of letters.retry(which)) outcomes[jobId] = outcome;
  return outcomes;
}

/** Until the queue has let go of so many failed jobs. */
export async function untilFailed(harness: Harness, count: number, lane = 'interactive'): Promise<void> {
  await until(`${count} failed jobs`, async () => (await harness.queue(lane).getFailedCount()) >= count);
}

/** Runs the janitor once; its clock is the test's, so that nobody has to wait. */
export async function cleanUp(harness: Harness, options: Partial<JanitorOptions> = {}): Promise<void> {
  const { redis, keys, ledger, config } = harness;
  const chore = janitorChore({
    redis,
    keys,
    ledger,
    lanes: Object.keys(config.lanes),
    resultTtlMs: config.results.keep,
    logger: pino({ level: 'silent' }),
    ...options,
  });
  await chore.run(new AbortController().signal);
}
