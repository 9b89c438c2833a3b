import OpenAI from 'openai';
import { expect, it } from 'vitest';
import { batchIdOf } from '../../src/store/batch-orders.ts';
import type { CliProcess } from '../support/cli-folder.ts';
import { type Workshop, parseLines, useWorkshop } from '../support/cli.ts';
import { until } from '../support/harness.ts';

const ROWS = 200;
const openWorkshop = useWorkshop();

async function startGateway(workshop: Workshop): Promise<{ process: CliProcess; client: OpenAI }> {
  const process = workshop.start(['serve', '--port', '0', '--workers', '0', '--allow-anonymous']);
  const [said] = await process.said(/API\s+(http:\S+)/);
  return { process, client: new OpenAI({ baseURL: said?.[1] ?? '', apiKey: 'none', maxRetries: 0 }) };
}

it('a gateway is killed in the middle of a batch: another one takes it over, and every row is answered once', async () => {
  const workshop = await openWorkshop();
  const price = { input: 1, output: 4 };
  const sim = await workshop.startSim({ 'sim/cheap': { price, latency: { p50_ms: 100, p95_ms: 120 } } });
  // A folder that both share holds the files.
  await workshop.configure(sim.url, { gateway: { files: { in_redis_up_to_bytes: 0 } } });
  const worker = workshop.start(['worker', '--lane', 'batch', '--concurrency', '8']);
  const [first] = await Promise.all([startGateway(workshop), worker.said(/worker ready/)]);
  const lines = Array.from({ length: ROWS }, (_, row) => {
    const body = { model: 'cheap', messages: [{ role: 'user', content: `Row ${row}.` }] };
    return `${JSON.stringify({ custom_id: `row-${row}`, method: 'POST', url: '/v1/chat/completions', body })}\n`;
  });
  const file = await first.client.files.create({ file: new File(lines, 'rows.jsonl'), purpose: 'batch' });
  const order = { endpoint: '/v1/chat/completions', completion_window: '24h', input_file_id: file.id } as const;
  const { id } = await first.client.batches.create(order);
  const { redis, keys, batches } = workshop.stores;
  const completed = async (): Promise<number> => (await batches.status(batchIdOf(id)))?.completed ?? 0;
  await until('some rows', async () => (await completed()) >= ROWS / 10, 20_000);
  expect(await first.process.end('SIGKILL')).toBe(null);
  expect(await completed()).toBeLessThan(ROWS);

  const second = await startGateway(workshop);
  // It is the dead one's for some seconds more: those are not waited for.
  expect(await redis.pexpire(keys.batchOrderLease(id), 1)).toBe(1);
  const done = await until(
    'the end',
    async () => {
      const batch = await second.client.batches.retrieve(id);
      return batch.status === 'completed' ? batch : undefined;
    },
    30_000,
  );
  expect(done.request_counts).toEqual({ total: ROWS, completed: ROWS, failed: 0 });
  expect(done.error_file_id).toBeNull();
  const output = parseLines(await (await second.client.files.content(done.output_file_id ?? '')).text());
  expect(output.map((line) => line['custom_id'])).toEqual(lines.map((_, row) => `row-${row}`));
  expect(output.every((line) => (line['response'] as { status_code: number }).status_code === 200)).toBe(true);
  expect(await sim.calls()).toHaveLength(ROWS);
});
