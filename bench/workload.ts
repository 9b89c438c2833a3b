import { Config } from '../src/domain/config.ts';
import type { PromptJob, QueuedJob } from '../src/domain/job.ts';
import { prepareJob } from '../src/producer/intake.ts';
import type { SimProfilesInput } from '../src/sim/profiles.ts';

/** What every benchmark runs on: one lane, six models behind one provider, one budget over all jobs, jobs of about 1 KB. */

export const LANE = 'batch';

/** Keys of the bare BullMQ queue; Sluice's are under its own prefix. */
export const BARE_PREFIX = '{bare}';

export const FAST_MODEL = 'bench/fast-0';
export const SLOW_MODEL = 'bench/slow';
export const SLOW_LATENCY_MS = 500;

const FAST_MODELS = [FAST_MODEL, 'bench/fast-1', 'bench/fast-2', 'bench/fast-3', 'bench/fast-4'];
const PRICE = { input: 0.15, output: 0.6 };

export const SIM_PROFILES: SimProfilesInput = {
  ...Object.fromEntries(
    FAST_MODELS.map((id) => [id, { price: PRICE, latency: { p50_ms: 0, p95_ms: 0 }, output_tokens: { mean: 60 } }]),
  ),
  [SLOW_MODEL]: {
    price: PRICE,
    latency: { p50_ms: SLOW_LATENCY_MS, p95_ms: SLOW_LATENCY_MS },
    output_tokens: { mean: 60 },
  },
};

export function benchConfig(simUrl: string): Config {
  return Config.parse({
    providers: { sim: { base_url: simUrl, allow_private: true } },
    models: Object.fromEntries(
      [...FAST_MODELS, SLOW_MODEL].map((id, index) => [
        id,
        { provider: 'sim', id, price: PRICE, scores: { simple: 0.9 - index / 10 }, latency: { p50: '1s', p95: '2s' } },
      ]),
    ),
    tasks: { simple: {}, slow: { models: [SLOW_MODEL] } },
    lanes: { [LANE]: { share: 1 } },
    budgets: { everything: { limit_usd: 100_000, window: 'day' } },
  });
}

const SENTENCE = 'Read the note below and say in one line what its writer wants from us, and by when. ';

export type Task = 'simple' | 'slow';

/** One prompt job of about 1 KB as it lies in the queue; no two rows ask the same. */
export function promptJob(row: number, task: Task = 'simple'): PromptJob {
  return { task, lane: LANE, max_tokens: 200, prompt: `Note ${row}. ${SENTENCE.repeat(9)}` };
}

export function* promptJobs(count: number, task?: Task): Generator<PromptJob> {
  for (let row = 0; row < count; row += 1) yield promptJob(row, task);
}

/** The same job as the producer hands it to the queue. */
export function queuedJob(row: number, task: Task, config: Config): QueuedJob {
  const prepared = prepareJob(promptJob(row, task), { config, lane: LANE, now: Date.now });
  if (!prepared.ok) throw new Error('the benchmark made a bad job');
  return prepared.job;
}
