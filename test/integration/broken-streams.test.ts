import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { expect, onTestFinished, test } from 'vitest';
import type { QueuedJob } from '../../src/domain/job.ts';
import { Batches } from '../../src/producer/batch.ts';
import type { WorkerPool } from '../../src/workers/pool.ts';
import { expectBalanced } from '../support/books.ts';
import { type Harness, until, useHarness } from '../support/harness.ts';

const open = useHarness();

const PROMPT = 'Tell me of the locks and sluices of the old canal, from its source to the sea, and who keeps them.';

/** Counts what arrives of all answers, until the test is over. */
function countChunks(): () => number {
  let chunks = 0;
  const count = (): void => {
    chunks += 1;
  };
  subscribe('undici:request:bodyChunkReceived', count);
  onTestFinished(() => void unsubscribe('undici:request:bodyChunkReceived', count));
  return () => chunks;
}

/** Answers come for a second, in pieces of four tokens. */
const UNHURRIED = {
  'sim/small': {
    price: { input: 1, output: 4 },
    latency: { p50_ms: 0, p95_ms: 0 },
    output_tokens: { mean: 250 },
    ms_per_output_token: 4,
  },
};

async function* oneRow(): AsyncGenerator<QueuedJob> {
  yield { v: 1, task: null, lane: 'batch', account: 'default', enqueued_at: Date.now(), prompt: PROMPT };
}

/** A worker that has its answers streamed, and one job that it runs. */
async function startStreaming(harness: Harness, kind: 'openai' | 'anthropic' | 'google'): Promise<WorkerPool> {
  const { config, sim } = harness;
  const base_url = kind === 'google' ? sim.url.replace(/v1$/, 'v1beta') : sim.url;
  const providers = Object.fromEntries(
    Object.entries(config.providers).map(([name, own]) => [name, { ...own, kind, base_url, stream: true }]),
  );
  return harness.startPool({ concurrency: 1, lanes: ['batch'], config: { ...config, providers } });
}

test.each(['openai', 'anthropic', 'google'] as const)(
  'a stream of %s that is broken off is charged for what had come of it',
  async (kind) => {
    const harness = await open({ profiles: UNHURRIED });
    const chunks = countChunks();
    const pool = await startStreaming(harness, kind);
    await using batches = new Batches({ config: harness.config, redis: harness.target });
    await batches.submit({ id: 'b', digest: 'd'.repeat(16), total: 1, lane: 'batch', rows: oneRow() });
    await until('some of the answer', () => chunks() >= 15);

    expect(await batches.cancel('b')).toMatchObject({ brokenOff: 1 });

    await until('the call to be broken off', () => harness.sim.ledger.totals().aborted === 1);
    const record = await until('the record', async () => (await harness.usage())[0]);
    expect(record).toMatchObject({ outcome: 'unconfirmed', error_code: 'CANCELLED', estimated: true });
    const [call] = harness.calls();
    if (!call) throw new Error('no call');
    // A call on its own counts its tokens by four characters each, and we by their kinds; and a piece may be on its way.
    expect(call.output_tokens).toBeGreaterThan(40);
    expect(Math.abs(record.output_tokens - call.output_tokens)).toBeLessThanOrEqual(0.2 * call.output_tokens);
    expect(Math.abs(record.input_tokens - call.input_tokens)).toBeLessThanOrEqual(kind === 'anthropic' ? 0 : 6);
    expect(record.cost_nanos).toBe(1_000 * record.input_tokens + 4_000 * record.output_tokens);
    await expectBalanced(harness);
    await pool.stop(0);
  },
);

test('a stream that is broken off before it has said anything is charged what was held', async () => {
  const profiles = { 'sim/small': { ...UNHURRIED['sim/small'], latency: { p50_ms: 60_000, p95_ms: 60_000 } } };
  const harness = await open({ profiles });
  const pool = await startStreaming(harness, 'openai');
  await harness.producer.enqueue({ prompt: PROMPT, lane: 'batch' });
  await until('the call', () => harness.sim.ledger.totals().calls === 1);
  await pool.stop(0);
  const [record] = await harness.usage();
  expect(record).toMatchObject({ outcome: 'unconfirmed', error_code: 'INTERRUPTED', output_tokens: 256 });
  await expectBalanced(harness);
});
