import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Config } from '../../src/domain/config.ts';
import { Producer } from '../../src/producer/producer.ts';
import { findRedisServer } from '../../src/store/embedded/index.ts';
import { until } from '../support/harness.ts';

const CONFIG = Config.parse({
  providers: { sim: { base_url: 'http://127.0.0.1:9/v1', allow_private: true } },
  models: { small: { provider: 'sim', id: 'small', price: { input: 1, output: 1 } } },
});
const SECRET = 'hunter2-hunter2';

let folder: string;
let port: number;
let producer: Producer;
let server: ChildProcess | undefined;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-outage-'));
  port = await freePort();
  producer = new Producer({ config: CONFIG, redis: { url: `redis://:${SECRET}@127.0.0.1:${port}/1` } });
});
afterEach(async () => {
  await producer.close();
  await stopServer();
  await rm(folder, { recursive: true, force: true });
});

async function startServer(password: string): Promise<void> {
  const program = (await findRedisServer())?.path ?? 'redis-server';
  const settings = ['--port', String(port), '--bind', '127.0.0.1', '--requirepass', password, '--save', ''];
  server = spawn(program, settings, { cwd: folder, stdio: 'ignore' });
}

async function stopServer(): Promise<void> {
  if (server === undefined) return;
  const exited = once(server, 'exit');
  server.kill('SIGKILL');
  await exited;
  server = undefined;
}

async function freePort(): Promise<number> {
  const listener = createServer().listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const address = listener.address();
  listener.close();
  await once(listener, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** The one line that everybody hears; the password is in none. */
function unusable(reason: string): object {
  return {
    name: 'InputError',
    exitCode: 3,
    message: `Redis at redis://127.0.0.1:${port}/1 cannot be used: ${reason}`,
  };
}

const isTaken = (): Promise<unknown> => producer.enqueue({ prompt: 'hello' }).catch(() => undefined);

test('a Redis that is not there is named with what to do, and is used once it is', async () => {
  const refused = unusable('the connection was refused; is it running?');
  await Promise.all([
    expect(producer.enqueue({ prompt: 'hello' })).rejects.toMatchObject(refused),
    expect(producer.enqueue({ id: 'mine', prompt: 'hello' })).rejects.toMatchObject(refused),
    expect(producer.enqueueMany([{ prompt: 'one' }, { prompt: 'two' }])).rejects.toMatchObject(refused),
    expect(producer.waitFor('j-1', { timeoutMs: 20_000 })).rejects.toMatchObject(refused),
  ]);
  await startServer(SECRET);
  await until('a job to be taken', isTaken);
  await stopServer();
  await expect(producer.enqueue({ prompt: 'hello' })).rejects.toMatchObject(refused);
  await startServer(SECRET);
  await until('a job to be taken again', isTaken);
});

test('one that wants another password says so', async () => {
  await startServer('another-password');
  const reasons = new Set<unknown>();
  await until('an answer', async () => {
    const reason: unknown = await producer.enqueue({ prompt: 'hello' }).catch((error: unknown) => error);
    reasons.add(reason);
    return reason instanceof Error && reason.message.includes('password');
  });
  expect([...reasons].at(-1)).toMatchObject(unusable('the password is wrong or missing'));
  expect(String([...reasons])).not.toContain(SECRET);
});

test('a bad job is refused without Redis', async () => {
  await expect(producer.enqueue({ promt: 'hello' } as never)).rejects.toMatchObject({ code: 'JOB_INVALID' });
});
