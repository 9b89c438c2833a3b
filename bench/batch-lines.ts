import { createWriteStream, openAsBlob } from 'node:fs';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import OpenAI from 'openai';
import type { LinesSettings } from './batch-lines-process.ts';
import { startChild } from './children.ts';
import { inLaboratory } from './laboratory.ts';
import { promptJobs } from './workload.ts';

/**
 * How much memory a gateway takes for a large batch over HTTP, and how long its steps take:
 * `node bench/batch-lines.ts [LINES]`, 100,000 without a number. The rows are run against the simulated provider.
 */

const CHAT = '/v1/chat/completions';
const lines = Number(process.argv[2] ?? 100_000);
const say = (what: string, facts: object): void => console.log(what.padEnd(12), JSON.stringify(facts));

await inLaboratory(async ({ socketPath, simUrl }) => {
  await using cleanup = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'sluice-batch-lines-'));
  cleanup.defer(() => rm(folder, { recursive: true, force: true }));
  const gateway = cleanup.adopt(startChild('batch-lines-process.ts'), (child) => child.stop());
  const url = await gateway.ask<string>('start', { socketPath, simUrl, folder } satisfies LinesSettings);
  const worker = cleanup.adopt(startChild('worker-process.ts'), (child) => child.stop());
  const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'none', timeout: 600_000 });
  const memory = async (): Promise<object> => ({
    rss_mb: Math.round(await gateway.ask<number>('rssMb')),
    peak_rss_mb: Math.round(await gateway.ask<number>('peakRssMb')),
  });

  const path = join(folder, 'rows.jsonl');
  await writeRows(path);
  say('at rest', { lines, megabytes: Math.round((await stat(path)).size / 1_048_576), ...(await memory()) });
  let startedAt = performance.now();
  const lap = (): number => {
    const seconds = (performance.now() - startedAt) / 1_000;
    startedAt = performance.now();
    return Math.round(seconds * 10) / 10;
  };
  const file = await client.files.create({ file: new File([await openAsBlob(path)], 'rows.jsonl'), purpose: 'batch' });
  say('uploaded', { seconds: lap(), ...(await memory()) });
  const { id } = await client.batches.create({ input_file_id: file.id, endpoint: CHAT, completion_window: '24h' });
  await untilStatus(client, id, ['in_progress', 'failed']);
  say('checked', { seconds: lap(), ...(await memory()) });
  await worker.ask('start', { kind: 'sluice', socketPath, simUrl, concurrency: 50 });
  await untilStatus(client, id, ['finalizing', 'completed', 'failed']);
  say('run', { seconds: lap(), ...(await memory()) });
  const done = await untilStatus(client, id, ['completed', 'failed']);
  say('written', { seconds: lap(), ...(await memory()), counts: done.request_counts, status: done.status });
  say('read', {
    lines: await countLines(`${url}/v1/files/${done.output_file_id}/content`),
    seconds: lap(),
    ...(await memory()),
  });
});

async function writeRows(path: string): Promise<void> {
  const stream = createWriteStream(path);
  let row = 0;
  for (const { prompt, max_tokens } of promptJobs(lines)) {
    const body = { model: 'sluice/auto', max_tokens, messages: [{ role: 'user', content: prompt }] };
    const line = { custom_id: `row-${row}`, method: 'POST', url: CHAT, body };
    row += 1;
    if (!stream.write(`${JSON.stringify(line)}\n`)) await once(stream, 'drain');
  }
  stream.end();
  await once(stream, 'close');
}

async function untilStatus(client: OpenAI, id: string, statuses: string[]): Promise<OpenAI.Batch> {
  for (;;) {
    const batch = await client.batches.retrieve(id);
    if (statuses.includes(batch.status)) return batch;
    await sleep(200);
  }
}

async function countLines(url: string): Promise<number> {
  const { body } = await fetch(url);
  let count = 0;
  for await (const chunk of body ?? []) for (const byte of chunk) if (byte === 10) count += 1;
  return count;
}
