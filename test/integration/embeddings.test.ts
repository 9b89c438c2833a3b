import { expect, test } from 'vitest';
import { outputLine } from '../../src/cli/output-lines.ts';
import { decodeVector } from '../../src/domain/embedding.ts';
import type { QueuedJob } from '../../src/domain/job.ts';
import type { CompletedResult, JobResult } from '../../src/domain/result.ts';
import { Batches } from '../../src/producer/batch.ts';
import { parseRow } from '../../src/producer/rows.ts';
import { expectBooksToAgree } from '../support/books.ts';
import { type Harness, type HarnessOptions, threeModels, until, useHarness } from '../support/harness.ts';
import { attemptsOf } from '../support/run-one.ts';

const open = useHarness();

const INSTANT = { p50_ms: 0, p95_ms: 0 };
const PRICE = { input: 0.02, output: 0 };
const embedder = (provider: string, id: string) => ({
  provider,
  id,
  price: PRICE,
  context: 8_000,
  capabilities: ['embeddings' as const],
});

/** Two models that embed beside three that chat; the first of them may fail. */
function start({ faults, config }: HarnessOptions = {}): Promise<Harness> {
  const models = { ...threeModels(), near: embedder('alpha', 'sim/near'), far: embedder('beta', 'sim/far') };
  const profiles = Object.fromEntries(
    Object.values(models).map(({ id, price }) => [
      id,
      { price, latency: INSTANT, ...(price === PRICE && { embeddings: 8 }) },
    ]),
  );
  return open({ profiles, ...(faults && { faults }), config: { ...config, models } });
}

const ROWS = 6;

async function* rowsOf({ config }: Harness): AsyncGenerator<QueuedJob> {
  const options = { intake: { config, lane: 'batch', now: () => Date.now() }, defaults: {}, anyModel: true };
  for (let row = 0; row < ROWS; row += 1) {
    const body = { model: 'sluice/auto', input: [`text ${row}`, 'the same'], dimensions: 4 };
    const line = { custom_id: `row ${row}`, method: 'POST', url: '/v1/embeddings', body };
    const prepared = parseRow(JSON.stringify(line), row + 1, options);
    if (!prepared.ok) throw new Error(JSON.stringify(prepared.problems));
    yield prepared.job;
  }
}

async function resultsOf(batches: Batches): Promise<JobResult[]> {
  const results: JobResult[] = [];
  for await (const page of batches.results('b')) results.push(...page.flatMap(({ result }) => result ?? []));
  return results;
}

test('a batch of embeddings falls back to the next model that embeds, and its bill is right', async () => {
  const harness = await start({ faults: [{ model: 'sim/near', kind: 503, rate: 1 }] });
  await using batches = new Batches({ config: harness.config, redis: harness.target });
  await harness.startPool();
  await batches.submit({ id: 'b', digest: 'd'.repeat(16), total: ROWS, lane: 'batch', rows: rowsOf(harness) });
  await until('the batch to end', async () => (await batches.status('b'))?.state === 'finished');

  const results = await resultsOf(batches);
  expect(results.map(attemptsOf)).toEqual(
    Array.from({ length: ROWS }, () => ['near PROVIDER_OVERLOADED', 'far completed']),
  );
  const body = (JSON.parse(outputLine(results[0] as CompletedResult)) as Line).response.body;
  expect(body).toMatchObject({
    object: 'list',
    model: 'sim/far',
    data: [{ index: 0 }, { index: 1 }],
    // 14 characters, by four.
    usage: { prompt_tokens: 4, total_tokens: 4 },
  });
  expect(body.data.map(({ embedding }) => embedding.length)).toEqual([4, 4]);

  const records = await harness.usage();
  expect(records.filter(({ outcome }) => outcome === 'completed')).toMatchObject(
    Array.from({ length: ROWS }, () => ({ model: 'far', input_tokens: 4, output_tokens: 0, cost_nanos: 80 })),
  );
  expect(harness.sim.ledger.totals()).toMatchObject({ cost_nanos: ROWS * 80, output_tokens: 0 });
  await expectBooksToAgree(harness);
});

type Line = { response: { body: { object: string; data: { embedding: number[] }[] } } };

test('the same input is embedded once where there is a cache', async () => {
  const harness = await start({ config: { cache: { enabled: true } } });
  await harness.startPool();
  const [first] = (await harness.run([{ input: 'hello' }])) as CompletedResult[];
  const [second, shorter] = (await harness.run([
    { input: ['hello'] },
    { input: 'hello', dimensions: 2 },
  ])) as CompletedResult[];
  expect([first, second, shorter].map((result) => result?.cached)).toEqual([false, true, false]);
  expect(second?.completion.embeddings).toEqual(first?.completion.embeddings);
  expect(decodeVector(shorter?.completion.embeddings?.[0] ?? '')).toHaveLength(2);
  expect(harness.sim.ledger.totals().calls).toBe(2);
  await expectBooksToAgree(harness);
});
