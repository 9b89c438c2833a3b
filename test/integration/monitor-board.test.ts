import { Queue } from 'bullmq';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import type { QueuedJob } from '../../src/domain/job.ts';
import { type MonitorServer, type MonitorOptions, startMonitor } from '../../src/monitor/index.ts';
import { presentJobData } from '../../src/monitor/job-mask.ts';
import { connect } from '../../src/store/redis.ts';

const prefix = '{monitor-board}';
const authorization = `Basic ${Buffer.from('ada:secret').toString('base64')}`;
const target = { path: inject('redisSocket') };
const redis = connect(target, { name: 'test' });
const batch = new Queue('batch', {
  connection: redis,
  prefix: `${prefix}:queue`,
  streams: { events: { maxLen: 321 } },
});

const job: QueuedJob = {
  v: 1,
  prompt: 'CONFIDENTIAL prompt of a customer',
  expect: { equals: 'CONFIDENTIAL answer' },
  stop: 'CONFIDENTIAL stop',
  tools: [{ type: 'function', function: { name: 'find', description: 'CONFIDENTIAL tool' } }],
  task: 'extraction',
  lane: 'batch',
  account: 'research',
  user: 'user-7',
  max_cost_usd: 0.01,
  max_latency_ms: 8_000,
  max_tokens: 256,
  metadata: { team: 'blue' },
  enqueued_at: 1_790_000_000_000,
  batch: { id: 'b1', row: 3, max_total_usd: 5 },
};
const chat: QueuedJob = {
  ...job,
  prompt: undefined,
  messages: [
    { role: 'system', content: 'CONFIDENTIAL' },
    { role: 'user', content: [{ type: 'text', text: 'CONFIDENTIAL too' }] },
  ],
};

const started: MonitorServer[] = [];
async function start(options: Partial<MonitorOptions> = {}): Promise<MonitorServer> {
  const lanes = ['interactive', 'batch'];
  const monitor = await startMonitor({
    redis: target,
    prefix,
    lanes,
    port: 0,
    user: 'ada',
    password: 'secret',
    ...options,
  });
  started.push(monitor);
  return monitor;
}

type Call = { method?: string; headers?: Record<string, string>; body?: string };

function call(monitor: MonitorServer, path: string, { headers = {}, ...rest }: Call = {}): Promise<Response> {
  return fetch(monitor.url + path, { ...rest, headers: { authorization, ...headers } });
}

type ShownJob = { id: string; name: string; data: Record<string, unknown> };

async function readQueues(monitor: MonitorServer) {
  const answer = (await (await call(monitor, LISTING)).json()) as {
    queues: { name: string; counts: Record<string, number>; jobs: ShownJob[] }[];
  };
  return answer.queues;
}

async function readJob(monitor: MonitorServer, id: string): Promise<ShownJob> {
  const answer = (await (await call(monitor, `/board/api/queues/batch/${id}`)).json()) as { job: ShownJob };
  return answer.job;
}

let readOnly: MonitorServer;
beforeAll(async () => {
  await batch.add('extraction', job, { jobId: 'b1-3' });
  await batch.add('extraction', chat, { jobId: 'b1-4' });
  readOnly = await start();
});
afterAll(async () => {
  await Promise.all(started.map((monitor) => monitor.stop()));
  await batch.obliterate({ force: true });
  await batch.close();
  await redis.quit();
});

const LISTING = '/board/api/queues?activeQueue=batch&status=latest&page=1&jobsPerPage=10';

describe('the board', () => {
  test('lists every lane with its jobs', async () => {
    const queues = await readQueues(readOnly);
    expect(queues.map(({ name }) => name)).toEqual(['interactive', 'batch']);
    expect(queues[1]?.counts).toMatchObject({ waiting: 2, failed: 0 });
    expect(queues[1]?.jobs.map(({ id, name }) => `${id} ${name}`).toSorted()).toEqual([
      'b1-3 extraction',
      'b1-4 extraction',
    ]);
  });

  test.each([[LISTING], ['/board/api/queues/batch/b1-3'], ['/board/api/queues/batch/b1-4']])(
    'hides prompts and expectations in %s',
    async (path) => {
      const text = await (await call(readOnly, path)).text();
      expect(text).toContain('"task":"extraction"');
      expect(text).not.toContain('CONFIDENTIAL');
    },
  );

  test('shows tags and limits first, and of texts only how long they are', async () => {
    const shown = await readJob(readOnly, 'b1-3');
    expect(Object.entries(shown.data)).toEqual([
      ['task', 'extraction'],
      ['account', 'research'],
      ['user', 'user-7'],
      ['lane', 'batch'],
      ['batch', { id: 'b1', row: 3, max_total_usd: 5 }],
      ['metadata', { team: 'blue' }],
      ['max_cost_usd', 0.01],
      ['max_latency_ms', 8_000],
      ['max_tokens', 256],
      ['enqueued_at', 1_790_000_000_000],
      ['v', 1],
      ['prompt', '«hidden: 33 characters»'],
      ['expect', '«hidden»'],
      ['stop', '«hidden: 17 characters»'],
      ['tools', '«hidden»'],
    ]);
    const shownChat = await readJob(readOnly, 'b1-4');
    expect(shownChat.data['messages']).toEqual([
      { role: 'system', content: '«hidden: 12 characters»' },
      { role: 'user', content: '«hidden: 16 characters»' },
    ]);
  });

  test('shows prompts when it is told to', async () => {
    const open = await start({ showPrompts: true });
    const shown = await readJob(open, 'b1-3');
    expect(shown.data).toEqual(job);
    expect(Object.keys(shown.data)[0]).toBe('task');
  });

  test('hides data that is not a job', () => {
    expect(presentJobData('CONFIDENTIAL', false)).toBe('«hidden: 12 characters»');
    expect(presentJobData(null, false)).toBe('«hidden»');
    expect(presentJobData({ messages: [null, { role: 'x', content: 'CONFIDENTIAL' }] }, false)).toEqual({
      messages: ['«hidden»', '«hidden»'],
    });
  });

  test('is read-only', async () => {
    for (const [method, path] of [
      ['PUT', '/board/api/queues/batch/b1-3/clean'],
      ['PUT', '/board/api/queues/batch/empty'],
      ['PUT', '/board/api/queues/batch/pause'],
      ['PUT', '/board/api/queues/pause'],
      ['PATCH', '/board/api/queues/batch/b1-3/priority'],
    ] as const) {
      expect([path, (await call(readOnly, path, { method })).status]).toEqual([path, 405]);
    }
    expect(await batch.getWaitingCount()).toBe(2);
    expect(await batch.isPaused()).toBe(false);
  });

  test('leaves the settings of the queues as they are', async () => {
    expect(await redis.hget(`${prefix}:queue:batch:meta`, 'opts.maxLenEvents')).toBe('321');
    expect(await redis.exists(`${prefix}:queue:interactive:meta`)).toBe(0);
  });

  test('asks no other host for anything', async () => {
    for (const path of ['/board', '/board/queue/batch', '/login', '/logout', '/icon.svg']) {
      const page = await (await call(readOnly, path)).text();
      const addresses = page.match(/(?:href|src|action)="[^"]*"/g) ?? [];
      expect(addresses.filter((address) => address.includes('//'))).toEqual([]);
      expect(page.match(/https?:\/\/(?!www\.w3\.org\/2000\/svg)[^"' ]*/g)).toBeNull();
    }
    const page = await (await call(readOnly, '/board')).text();
    const script = /src="(static\/js\/main[^"]*)"/.exec(page)?.[1];
    expect((await call(readOnly, `/board/${script}`)).headers.get('content-type')).toContain('javascript');
  });
});

describe('the writable board', () => {
  test('changes queues, but not for the page of another site', async () => {
    const writable = await start({ writable: true });
    const pause = (origin: string) =>
      call(writable, '/board/api/queues/batch/pause', { method: 'PUT', headers: { origin } });
    expect((await pause('https://evil.example')).status).toBe(403);
    expect(await batch.isPaused()).toBe(false);
    expect((await pause(writable.url)).status).toBe(200);
    expect(await batch.isPaused()).toBe(true);
    await batch.resume();
  });

  test('takes no jobs and no prompts that the producer has not checked', async () => {
    const writable = await start({ writable: true });
    const headers = { 'content-type': 'application/json' };
    const added = await call(writable, '/board/api/queues/batch/add', {
      method: 'POST',
      headers,
      body: JSON.stringify({ name: 'x', data: {}, options: {} }),
    });
    expect(added.status).toBe(405);
    const edited = await call(writable, '/board/api/queues/batch/b1-3/update-data', {
      method: 'PATCH',
      headers,
      body: JSON.stringify({ jobData: {} }),
    });
    expect(edited.status).toBe(405);
    expect((await batch.getJob('b1-3'))?.data).toEqual(job);
  });
});
