import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { connect as connectSocket, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, inject, test, vi } from 'vitest';
import { InputError } from '../../src/domain/errors.ts';
import { type MonitorServer, startMonitor } from '../../src/monitor/index.ts';
import { createKeys } from '../../src/store/keys.ts';
import { connect } from '../../src/store/redis.ts';
import { EmbeddedFolder, withClient } from '../support/embedded-folder.ts';

const keys = createKeys('{monitor-health}');
const headers = { authorization: `Basic ${Buffer.from('sluice:secret').toString('base64')}` };

/** A way to Redis that can be cut and mended, and that knows how many go along it. */
function createRoad(path: string) {
  const open = new Set<Socket>();
  let server: Server | undefined;
  return {
    connections: () => open.size,
    async mend(): Promise<void> {
      server = createServer((client) => {
        const redis = connectSocket(inject('redisSocket'));
        open.add(client);
        client.on('close', () => {
          open.delete(client);
          redis.destroy();
        });
        redis.on('close', () => client.destroy());
        for (const socket of [client, redis]) socket.on('error', () => socket.destroy());
        client.pipe(redis).pipe(client);
      });
      server.listen(path);
      await once(server, 'listening');
    },
    async cut(): Promise<void> {
      server?.close();
      for (const client of open) client.destroy();
      await rm(path, { force: true });
    },
  };
}

const path = join(tmpdir(), `sluice-monitor-${process.pid}.sock`);
const options = {
  redis: { path },
  prefix: keys.prefix,
  lanes: ['interactive', 'batch'],
  port: 0,
  password: 'secret',
};

let road: ReturnType<typeof createRoad>;
let monitor: MonitorServer | undefined;
beforeEach(async () => {
  road = createRoad(path);
  await road.mend();
});
afterEach(async () => {
  await monitor?.stop();
  monitor = undefined;
  await road.cut();
});

async function writeUsage(): Promise<void> {
  const redis = connect({ path: inject('redisSocket') }, { name: 'test' });
  const record = {
    v: 1,
    attempt_id: 'a:1',
    job_id: 'a',
    outcome: 'completed',
    task: null,
    lane: 'batch',
    account: 'a',
    model: 'small',
    provider: 'p',
    model_id: 'm',
    input_tokens: 1,
    output_tokens: 1,
    cost_nanos: 1,
    price_source: 'config',
    latency_ms: 1,
    queue_ms: 1,
    at: 1,
  };
  await redis.xadd(keys.usage, '*', 'record', JSON.stringify(record));
  await redis.quit();
}

describe('without Redis', () => {
  test('the monitor says so, tells what it knows, and recovers with exact counters', async () => {
    const { url } = (monitor = await startMonitor(options));
    const status = async (route: string) => (await fetch(url + route)).status;
    const scrape = async () => (await fetch(`${url}/metrics`, { headers })).text();
    const boardStatus = async () => (await fetch(`${url}/board/api/queues`, { headers })).status;
    await writeUsage();
    const attempts = 'sluice_attempts_total{lane="batch",model="small",provider="p",outcome="completed"}';
    await expect.poll(scrape).toContain(`${attempts} 1\n`);
    expect(await (await fetch(`${url}/readyz`)).json()).toEqual({ status: 'ready' });

    await road.cut();
    const [unready, alive, metrics, board] = await Promise.all([
      fetch(`${url}/readyz`),
      status('/healthz'),
      scrape(),
      boardStatus(),
    ]);
    expect(unready.status).toBe(503);
    expect(await unready.json()).toEqual({ status: 'unready', reason: 'Redis does not answer' });
    expect([alive, board]).toEqual([200, 500]);
    expect(metrics).toContain('sluice_redis_up 0\n');
    expect(metrics).not.toContain('sluice_jobs');
    expect(metrics).toContain(`${attempts} 1\n`);

    await writeUsage();
    await road.mend();
    await expect.poll(() => status('/readyz'), { timeout: 10_000 }).toBe(200);
    await expect.poll(scrape, { timeout: 10_000 }).toContain(`${attempts} 2\n`);
    expect(await scrape()).toContain('sluice_redis_up 1\n');
    expect(await boardStatus()).toBe(200);
  });

  test('the monitor stops', async () => {
    monitor = await startMonitor(options);
    await road.cut();
    await expect.poll(async () => (await fetch(`${monitor?.url}/readyz`)).status).toBe(503);
    await monitor.stop();
    await expect(fetch(`${monitor.url}/healthz`)).rejects.toThrow('fetch failed');
  });

  test('the monitor does not start, and says where it looked', async () => {
    await road.cut();
    const start = startMonitor(options);
    await expect(start).rejects.toThrow(InputError);
    await expect(start).rejects.toThrow(`cannot reach Redis at ${path}`);
  });
});

describe('the monitor', () => {
  test('is not ready on a Redis that may evict jobs', async () => {
    const folder = await EmbeddedFolder.create();
    const redis = await folder.acquire();
    // BullMQ says so as well, on the console.
    const warn = vi.spyOn(console, 'warn').mockReturnValue();
    try {
      await withClient(redis, (client) => client.config('SET', 'maxmemory-policy', 'allkeys-lru'));
      monitor = await startMonitor({ ...options, redis: { path: redis.socketPath } });
      const unready = await fetch(`${monitor.url}/readyz`);
      expect(unready.status).toBe(503);
      expect(await unready.json()).toEqual({
        status: 'unready',
        reason: 'Redis may evict jobs (maxmemory-policy allkeys-lru); set it to noeviction',
      });
    } finally {
      warn.mockRestore();
      await monitor?.stop();
      await redis.release();
      await folder.close();
    }
  });

  test('closes its port and every connection when it stops, as often as it is told to', async () => {
    monitor = await startMonitor(options);
    await fetch(`${monitor.url}/metrics`, { headers });
    await fetch(`${monitor.url}/board/api/queues`, { headers });
    expect(road.connections()).toBe(2);
    await Promise.all([monitor.stop(), monitor.stop()]);
    await monitor.stop();
    await expect.poll(() => road.connections()).toBe(0);
    await expect(fetch(`${monitor.url}/healthz`)).rejects.toThrow('fetch failed');
  });

  test('says that a port is taken', async () => {
    monitor = await startMonitor(options);
    const port = Number(new URL(monitor.url).port);
    await expect(startMonitor({ ...options, port })).rejects.toThrow(`port ${port} is taken`);
    await expect.poll(() => road.connections()).toBe(2);
  });
});
