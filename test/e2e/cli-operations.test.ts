import { Queue } from 'bullmq';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { loadConfig } from '../../src/config/config-file.ts';
import { Producer } from '../../src/producer/producer.ts';
import type { LedgerTotals } from '../../src/sim/ledger.ts';
import { type EmbeddedRedis, acquireEmbeddedRedis } from '../../src/store/embedded/index.ts';
import { CliFolder, type CliProcess } from '../support/cli-folder.ts';
import { until } from '../support/harness.ts';

const MODELS = 'steady: { price: { input: 1, output: 2 }, latency: { p50_ms: 5, p95_ms: 10 } }\n';

let folder: CliFolder;
let started: CliProcess[];
let embedded: EmbeddedRedis | undefined;

beforeEach(async () => {
  folder = await CliFolder.create();
  started = [];
});
afterEach(async () => {
  await Promise.all(started.map((command) => command.end('SIGTERM')));
  await embedded?.release();
  embedded = undefined;
  await folder.close();
});

function start(...commandArguments: string[]): CliProcess {
  const command = folder.start(commandArguments);
  started.push(command);
  return command;
}

/** A simulated provider and a configuration for it; the result is its address. */
async function startSim(...simArguments: string[]): Promise<string> {
  await folder.write('models.yaml', MODELS);
  const sim = start('sim', 'models.yaml', '--port', '0', ...simArguments);
  const [url] = await sim.said(/http:\S+\/v1/);
  await writeConfig(url?.[0] ?? '');
  return url?.[0] ?? '';
}

/** A configuration of one model; nobody has to answer at the address. */
async function writeConfig(url = 'http://127.0.0.1:1/v1'): Promise<void> {
  await folder.write(
    'sluice.yaml',
    `providers: { sim: { base_url: "${url}", allow_private: true } }
models: { steady: { provider: sim, id: steady, price: { input: 1, output: 2 } } }
workers: { grace: 500ms }
`,
  );
}

async function ledgerOf(url: string): Promise<LedgerTotals> {
  const response = await fetch(new URL('/ledger', url));
  return (await response.json()) as LedgerTotals;
}

/** Joins the folder's Redis, as any command would. */
async function join(): Promise<EmbeddedRedis> {
  embedded = await acquireEmbeddedRedis({ directory: folder.directory, install: false, log: () => {} });
  await folder.redisPid();
  return embedded;
}

test('a worker that is told to stop gives its job back, another one finishes it, and the bill is that of the provider', async () => {
  const url = await startSim('--fail', 'steady=timeout,first=1');
  const redis = await join();
  const config = loadConfig(`${folder.directory}/sluice.yaml`, {});
  const producer = new Producer({ config, redis: redis.connection });
  const queue = new Queue('interactive', { connection: redis.connection, prefix: `${config.redis.prefix}:queue` });
  try {
    const first = start('worker');
    const { id } = await producer.enqueue({ prompt: 'What is a sluice?' });
    await until('the call to be under way', async () => (await ledgerOf(url)).calls === 1);
    expect(await first.end('SIGTERM')).toBe(0);
    expect(first.stderr).toMatch(/^worker ready: lanes interactive 13, batch 37; Redis .*; pid \d+\nworker stopping/);
    expect(await queue.getJobState(id)).toBe('waiting');

    const follow = start('usage', '--follow', '--stream');
    await follow.said(/waiting for calls/);
    const second = start('worker', '--concurrency', '1');
    const result = await producer.waitFor(id, { timeoutMs: 20_000 });
    expect(result).toMatchObject({ status: 'completed', model: 'steady' });
    await until('the call to be told', () => follow.stdout.endsWith('\n'));
    expect(JSON.parse(follow.stdout)).toMatchObject({ job_id: id, outcome: 'completed' });
    expect(await follow.end('SIGINT')).toBe(0);
    expect(await second.end('SIGINT')).toBe(0);

    const usage = JSON.parse((await folder.run(['usage', '--by', 'model,task', '--json'])).stdout);
    const bill = await ledgerOf(url);
    const [answered] = result.attempts.filter((attempt) => attempt.outcome === 'completed');
    expect(bill).toMatchObject({ calls: 2, answered: 1, cost_nanos: answered?.cost_nanos });
    expect(usage.total).toMatchObject({ calls: 2, failed: 1, unconfirmed: 1, cost_nanos: result.cost_nanos });
    expect(usage.groups).toEqual([{ model: 'steady', task: null, ...usage.total }]);
    expect((await folder.run(['usage', '--stream'])).stdout.trim().split('\n')).toHaveLength(2);
  } finally {
    await producer.close();
    await queue.close();
  }
});

test('up restarts a worker that dies, and Ctrl-C leaves nothing behind', async () => {
  await writeConfig();
  const up = start('up', '--workers', '2', '--port', '0');
  const ready = (await up.said(/worker ready: .*pid (\d+)/, 2)).map(([, pid]) => Number(pid));
  for (const pid of ready) folder.pids.add(pid);
  const redisPid = await folder.redisPid();
  const [, board] = (await up.said(/board +(http:\S+)/))[0] ?? [];
  expect((await fetch(`${board}/readyz`)).status).toBe(200);

  process.kill(ready[0] ?? 0, 'SIGKILL');
  await up.said(/worker \d+ died \(SIGKILL\); starting another in 1 s/);
  const third = Number((await up.said(/worker ready: .*pid (\d+)/, 3)).at(-1)?.[1]);
  folder.pids.add(third);
  expect(ready).not.toContain(third);

  expect(await up.end('SIGINT')).toBe(0);
  expect(folder.left()).not.toContain(third);
  expect(folder.left()).not.toContain(ready[1]);
  expect(folder.left()).not.toContain(redisPid);
  expect((await folder.run(['down'])).stderr).toBe('nothing is running in this folder\n');
});

test('up starts a Redis that was killed again, with what was in it, and goes on', async () => {
  await startSim();
  const up = start('up', '--port', '0');
  folder.pids.add(Number((await up.said(/worker ready: .*pid (\d+)/))[0]?.[1]));
  const [, board] = (await up.said(/board +(http:\S+)/))[0] ?? [];
  await folder.write('rows.jsonl', '{"prompt":"What is a sluice?"}\n');
  expect((await folder.run(['batch', 'run', 'rows.jsonl', '--id', 'before', '--workers', '0'])).code).toBe(0);

  const killed = await folder.redisPid();
  process.kill(killed, 'SIGKILL');
  await up.said(/Redis died; it was started again, with all that was in it\n/);
  const redisPid = await folder.redisPid();
  expect(redisPid).not.toBe(killed);
  await until('the board to be ready', async () => (await fetch(`${board}/readyz`)).status === 200);
  expect((await folder.run(['batch', 'status', 'before'])).stdout).toMatch(/^before: finished/);
  expect((await folder.run(['batch', 'run', 'rows.jsonl', '--id', 'after', '--workers', '0'])).code).toBe(0);

  expect(await up.end('SIGINT')).toBe(0);
  expect(up.stderr).toMatch(/stopped; what was in the queues is kept\n$/);
  expect(folder.left().filter((pid) => pid !== started[0]?.pid)).toEqual([]);
});

test('up ends with one line when its Redis is stopped by down', async () => {
  await writeConfig();
  const up = start('up', '--workers', '2', '--port', '0');
  for (const [, pid] of await up.said(/worker ready: .*pid (\d+)/, 2)) folder.pids.add(Number(pid));
  await folder.redisPid();
  expect((await folder.run(['down'])).code).toBe(1);
  expect((await folder.run(['down', '--force'])).code).toBe(0);
  expect(await up.exited).toBe(0);
  expect(up.stderr).toMatch(/stopped, because Redis was; what was in the queues is kept\n$/);
  expect(up.stderr).not.toContain('starting another');
  expect(folder.left()).toEqual([]);
});

test('up ends when its Redis was killed and cannot be started again', async () => {
  await writeConfig();
  const up = start('up', '--port', '0');
  folder.pids.add(Number((await up.said(/worker ready: .*pid (\d+)/))[0]?.[1]));
  const redisPid = await folder.redisPid();
  await folder.write('.sluice/redis/appendonlydir/appendonly.aof.manifest', 'rubbish\n');
  process.kill(redisPid, 'SIGKILL');
  expect(await up.exited).toBe(3);
  expect(up.stderr).toMatch(/^sluice: Redis ended while it started\. The end of .*redis\.log:$/m);
  expect(folder.left()).toEqual([]);
});

test('workers end when the command that started them was killed', async () => {
  await writeConfig();
  const up = start('up', '--port', '0');
  const pid = Number((await up.said(/worker ready: .*pid (\d+)/))[0]?.[1]);
  folder.pids.add(pid);
  const redisPid = await folder.redisPid();
  await up.end('SIGKILL');
  await until('the worker and Redis to end', () => !folder.left().includes(pid) && !folder.left().includes(redisPid));
});

test('a worker of one lane leaves the others alone, and does not start for a lane that does not exist', async () => {
  await writeConfig();
  const worker = start('worker', '--lane', 'batch', '--concurrency', '7');
  await worker.said(/worker ready: lanes batch 7; Redis/);
  await folder.redisPid();
  expect(await worker.end('SIGTERM')).toBe(0);
  const wrong = await folder.run(['worker', '--lane', 'bach']);
  expect(wrong).toMatchObject({ code: 2, stdout: '' });
  expect(wrong.stderr).toBe('sluice: unknown lane "bach"; known: interactive, batch\n');
});

test('down stops a Redis that was left behind, and one in use only when it is forced', async () => {
  await writeConfig();
  const worker = start('worker');
  await worker.said(/worker ready/);
  const pid = await folder.redisPid();
  await worker.end('SIGKILL');
  expect(folder.left()).toContain(pid);
  const doctor = await folder.run(['doctor']);
  expect(doctor.stdout).toContain(`warn  redis          it was left running (pid ${pid}) by a command that was killed`);
  expect(await folder.run(['down'])).toMatchObject({ code: 0, stdout: '', stderr: `stopped Redis (pid ${pid})\n` });

  await join();
  const inUse = await folder.run(['down']);
  expect(inUse.code).toBe(1);
  expect(inUse.stderr).toMatch(new RegExp(`^Redis \\(pid \\d+\\) is in use by pid ${process.pid}; --force stops it`));
  expect((await folder.run(['down', '--force'])).code).toBe(0);
});
