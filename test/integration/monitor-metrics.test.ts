import { once } from 'node:events';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Queue, Worker } from 'bullmq';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import type { UsageRecord } from '../../src/domain/usage.ts';
import { type MonitorServer, startMonitor } from '../../src/monitor/index.ts';
import { createUsageMetrics } from '../../src/monitor/usage-metrics.ts';
import { startUsageTally } from '../../src/monitor/usage-tally.ts';
import { createApiKeyStore } from '../../src/store/api-keys.ts';
import { createBatchStore } from '../../src/store/batches.ts';
import { createKeys } from '../../src/store/keys.ts';
import { connect } from '../../src/store/redis.ts';

const keys = createKeys('{monitor-metrics}');
const target = { path: inject('redisSocket') };
const redis = connect(target, { name: 'test' });
const headers = { authorization: `Basic ${Buffer.from('sluice:secret').toString('base64')}` };

function record(changes: Partial<UsageRecord> = {}): UsageRecord {
  return {
    v: 1,
    attempt_id: 'job:1',
    job_id: 'job',
    outcome: 'completed',
    task: 'extraction',
    lane: 'batch',
    account: 'research',
    model: 'small',
    provider: 'local',
    model_id: 'small-2026',
    input_tokens: 100,
    output_tokens: 20,
    cost_nanos: 1_000,
    price_source: 'config',
    latency_ms: 300,
    queue_ms: 50,
    at: 1_790_000_000_000,
    ...changes,
  };
}

const RECORDS = [
  ...Array.from({ length: 2_500 }, (_, index) => record({ cost_nanos: index, latency_ms: index })),
  record({ outcome: 'failed', error_code: 'PROVIDER_FAILED', input_tokens: 0, output_tokens: 0, cost_nanos: 0 }),
  record({ outcome: 'unconfirmed', error_code: 'PROVIDER_TIMEOUT', model: 'large', cost_nanos: 900 }),
  record({ outcome: 'unconfirmed', error_code: 'CANCELLED', model: 'large', input_tokens: 0, output_tokens: 0 }),
  record({ outcome: 'correction', model: 'large', cost_nanos: -400 }),
  record({ outcome: 'cached', cost_nanos: 0, latency_ms: 0, task: null }),
  record({ model: 'large', provider: 'cloud', cached_input_tokens: 40, reasoning_tokens: 7, user: 'user-7' }),
];

async function write(records: readonly UsageRecord[]): Promise<void> {
  const pipeline = redis.pipeline();
  for (const entry of records) pipeline.xadd(keys.usage, '*', 'record', JSON.stringify(entry));
  await pipeline.exec();
}

let monitor: MonitorServer;
beforeAll(async () => {
  await write(RECORDS);
  await redis.xadd(keys.usage, '*', 'record', '{"v":2}');
  monitor = await startMonitor({
    redis: target,
    prefix: keys.prefix,
    lanes: ['interactive', 'batch'],
    port: 0,
    password: 'secret',
    config: { budgets: { team: { limit_usd: 5, window: 'day', soft: false, pace: false, on_exhausted: 'reject' } } },
  });
});
afterAll(async () => {
  await monitor.stop();
  await redis.quit();
});

async function scrape(): Promise<Map<string, number>> {
  const response = await fetch(`${monitor.url}/metrics`, { headers });
  expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
  return parse(await response.text());
}

/** Reads the text format and insists on it: HELP and TYPE once before a family's samples, no sample twice. */
function parse(text: string): Map<string, number> {
  expect(text.endsWith('\n')).toBe(true);
  const samples = new Map<string, number>();
  const families = new Set<string>();
  let family = '';
  for (const line of text.trimEnd().split('\n')) {
    const head = /^# (HELP|TYPE) (\w+) .+$/.exec(line);
    if (head?.[1] === 'HELP') {
      family = head[2] ?? '';
      expect(families.has(family)).toBe(false);
      families.add(family);
    }
    if (head) continue;
    const sample = /^(\w+)(\{(?:\w+="(?:[^"\\\n]|\\["\\n])*",?)*\})? (\S+)$/.exec(line);
    expect(sample, line).not.toBeNull();
    expect(sample?.[1]?.startsWith(family), line).toBe(true);
    const key = `${sample?.[1]}${sample?.[2] ?? ''}`;
    expect(samples.has(key), key).toBe(false);
    samples.set(key, Number(sample?.[3]));
  }
  return samples;
}

function sum(samples: Map<string, number>, name: string): number {
  return [...samples].reduce((total, [key, value]) => (key.startsWith(`${name}{`) ? total + value : total), 0);
}

function jobs(samples: Map<string, number>, state: string): number | undefined {
  return samples.get(`sluice_jobs{lane="batch",state="${state}"}`);
}

async function failOnB(job: { name: string }): Promise<void> {
  if (job.name === 'b') throw new Error('no');
}

describe('the metrics', () => {
  test('add up to the usage stream, on the first scrape', async () => {
    const samples = await scrape();
    const attempts = RECORDS.filter(({ outcome }) => outcome !== 'correction');
    expect(sum(samples, 'sluice_attempts_total')).toBe(attempts.length);
    const net = sum(samples, 'sluice_cost_usd_total') - sum(samples, 'sluice_cost_refunds_usd_total');
    expect(Math.round(net * 1e9)).toBe(RECORDS.reduce((total, { cost_nanos }) => total + cost_nanos, 0));
    expect(samples.get('sluice_tokens_total{model="small",type="input"}')).toBe(2_500 * 100);
    expect(samples.get('sluice_tokens_total{model="large",type="output"}')).toBe(40);
    expect(samples.get('sluice_tokens_total{model="large",type="cached_input"}')).toBe(40);
    expect(samples.get('sluice_tokens_total{model="large",type="reasoning"}')).toBe(7);
    expect(samples.get('sluice_attempt_errors_total{model="small",code="PROVIDER_FAILED"}')).toBe(1);
    expect(samples.get('sluice_attempt_errors_total{model="large",code="PROVIDER_TIMEOUT"}')).toBe(1);
    expect(samples.get('sluice_attempts_total{lane="batch",model="small",provider="local",outcome="cached"}')).toBe(1);
  });

  test('count what was cancelled apart from what failed', async () => {
    const samples = await scrape();
    const cancelled = 'sluice_attempts_total{lane="batch",model="large",provider="local",outcome="cancelled"}';
    expect(samples.get(cancelled)).toBe(1);
    expect(samples.has('sluice_attempt_errors_total{model="large",code="CANCELLED"}')).toBe(false);
    // One is cached, and three have no answer.
    expect(samples.get('sluice_job_duration_seconds_count{lane="batch"}')).toBe(RECORDS.length - 4);
  });

  test('tell how long calls and waits took, in cumulative buckets', async () => {
    const samples = await scrape();
    const bucket = (bound: string) =>
      samples.get(`sluice_attempt_duration_seconds_bucket{model="small",le="${bound}"}`);
    expect(['0.01', '0.02', '1.28', '81.92', '+Inf'].map(bucket)).toEqual([11, 21, 1_282, 2_501, 2_501]);
    expect(samples.get('sluice_attempt_duration_seconds_count{model="small"}')).toBe(2_501);
    const seconds = RECORDS.slice(0, 2_501).reduce((total, { latency_ms }) => total + latency_ms, 0) / 1_000;
    expect(samples.get('sluice_attempt_duration_seconds_sum{model="small"}')).toBeCloseTo(seconds, 6);
    expect(samples.get('sluice_queue_wait_seconds_count{lane="batch"}')).toBe(RECORDS.length - 1);
  });

  test('keep back half a sum while they catch up', async () => {
    const more = Promise.withResolvers<void>();
    const tally = startUsageTally({
      async *read() {
        yield [{ id: '1-0', record: record() }];
        await more.promise;
        yield [{ id: '2-0', record: record() }];
      },
      async *follow(signal) {
        await once(signal, 'abort');
        yield [];
      },
    });
    await nextTurn();
    expect(tally.render()).toEqual([]);
    more.resolve();
    await tally.caughtUp;
    expect(tally.render().join('')).toContain('outcome="completed"} 2\n');
    tally.stop();
  });

  test('follow the stream, whoever writes to it', async () => {
    const before = sum(await scrape(), 'sluice_attempts_total');
    await write([record({ account: 'later' }), record({ account: 'later' })]);
    await expect.poll(async () => sum(await scrape(), 'sluice_attempts_total')).toBe(before + 2);
    const cost = 'sluice_cost_usd_total{model="small",task="extraction",account="later"}';
    expect((await scrape()).get(cost)).toBe(0.000002);
  });

  test('count the jobs of a lane by state, and its workers', async () => {
    const queue = new Queue('batch', { connection: redis, prefix: keys.queues });
    await queue.add('a', {});
    await queue.add('b', {}, { priority: 5 });
    await queue.add('c', {}, { delay: 60_000 });
    const before = await scrape();
    expect([jobs(before, 'waiting'), jobs(before, 'delayed'), jobs(before, 'active')]).toEqual([2, 1, 0]);
    expect(before.get('sluice_workers{lane="batch"}')).toBe(0);
    expect(before.get('sluice_workers{lane="interactive"}')).toBe(0);

    const workerRedis = connect(target, { name: 'test:worker', patient: true });
    const worker = new Worker('batch', failOnB, { connection: workerRedis, prefix: keys.queues });
    await expect
      .poll(async () => {
        const samples = await scrape();
        return [jobs(samples, 'waiting'), jobs(samples, 'completed'), jobs(samples, 'failed')];
      })
      .toEqual([0, 1, 1]);
    expect((await scrape()).get('sluice_workers{lane="batch"}')).toBe(1);
    await worker.close();
    workerRedis.disconnect();
    await queue.obliterate({ force: true });
    await queue.close();
  });

  test('count fallbacks, savings, first tokens and tokens by type', () => {
    const metrics = createUsageMetrics();
    const failed = { outcome: 'failed', error_code: 'PROVIDER_FAILED', cost_nanos: 0 } as const;
    metrics.count(record({ ...failed, job_id: 'a', model: 'small' }));
    metrics.count(record({ ...failed, job_id: 'b', model: 'small' }));
    metrics.count(record({ ...failed, job_id: 'a', model: 'small' }));
    metrics.count(
      record({ job_id: 'a', model: 'large', first_token_ms: 120, cache_write_tokens: 3, cache_write_1h_tokens: 4 }),
    );
    metrics.count(record({ job_id: 'a', model: 'small', outcome: 'correction' }));
    metrics.count(record({ job_id: 'c', outcome: 'cached', saved_nanos: 2_000_000_000, latency_ms: 0 }));
    const samples = parse(metrics.render().join(''));
    expect(samples.get('sluice_fallbacks_total{from="small",to="large"}')).toBe(1);
    expect(sum(samples, 'sluice_fallbacks_total')).toBe(1);
    expect(samples.get('sluice_cache_saved_usd_total{model="small"}')).toBe(2);
    expect(samples.get('sluice_time_to_first_token_seconds_sum{model="large"}')).toBe(0.12);
    expect(samples.get('sluice_tokens_total{model="large",type="cache_write"}')).toBe(7);
    expect(samples.get('sluice_job_duration_seconds_count{lane="batch"}')).toBe(2);
    expect(samples.get('sluice_job_duration_seconds_sum{lane="batch"}')).toBeCloseTo(0.4, 6);
  });

  test('tell of batches under way and dead letters, and of budgets where they are configured', async () => {
    const batches = createBatchStore(redis, keys, { ttlMs: 60_000 });
    await batches.register({ id: 'b', digest: '', total: 9, lane: 'batch', submittedAt: 1 });
    const samples = await scrape();
    expect(samples.get('sluice_batches{state="enqueueing"}')).toBe(1);
    expect(samples.get('sluice_batch_rows{state="open"}')).toBe(9);
    expect(samples.get('sluice_dead_letters')).toBe(0);
    expect(samples.get('sluice_budget_limit_usd{budget="team",window="day"}')).toBe(5);
    expect(samples.get('sluice_budget_spent_usd{budget="team",window="day"}')).toBe(0);
  });

  test("tell of keys' budgets by the keys' names, of those that are let in", async () => {
    const store = createApiKeyStore(redis, keys);
    const base = { account: 'research', budget_window: 'total', budget_usd: 10 } as const;
    const [near, revoked, expired] = await Promise.all(
      [{}, {}, { expires_at: Date.now() - 1 }].map((more) => store.create({ ...base, ...more, name: 'shop' })),
    );
    await store.revoke(revoked?.key.id ?? '');
    const { key: free } = await store.create({ name: 'free', account: 'research', budget_window: 'total' });
    await redis.hset(keys.apiKey('0000000000ff'), { terms: '{"later":1}', created_at: '1', digest: 'ff' });
    await redis.zadd(keys.apiKeys, Date.now(), '0000000000ff');
    await redis.hset(keys.budget(`key:${near?.key.id}`, 'total'), { spent: 9e9, held: 5e8, topped_up: 2e9 });
    const samples = await scrape();
    const labels = `{budget="key:${near?.key.id}",window="total",key_name="shop"}`;
    expect(samples.get(`sluice_budget_limit_usd${labels}`)).toBe(12);
    expect(samples.get(`sluice_budget_spent_usd${labels}`)).toBe(9);
    expect(samples.get(`sluice_budget_held_usd${labels}`)).toBe(0.5);
    const others = [revoked?.key.id, expired?.key.id, free.id].map((id) => `"key:${id}"`);
    expect([...samples.keys()].filter((sample) => others.some((id) => sample.includes(id)))).toEqual([]);
  });

  test('follow the conventions for names', async () => {
    const text = await (await fetch(`${monitor.url}/metrics`, { headers })).text();
    const types = [...text.matchAll(/^# TYPE (\w+) (\w+)$/gm)].map(([, name = '', type = '']) => ({ name, type }));
    expect(types.length).toBeGreaterThan(20);
    for (const { name, type } of types) {
      expect(name).toMatch(/^sluice_[a-z_]+$/);
      expect(name.endsWith('_total'), name).toBe(type === 'counter');
      if (type === 'histogram') expect(name).toMatch(/_seconds$/);
    }
  });

  test('name no users and bound the number of accounts', () => {
    const metrics = createUsageMetrics();
    for (let index = 0; index < 300; index += 1) {
      metrics.count(record({ account: `account-${index}`, user: `user-${index}`, cost_nanos: 1_000_000_000 }));
    }
    const text = metrics.render().join('');
    expect(text).not.toContain('user-');
    const costs = parse(text);
    const ofCosts = [...costs.keys()].filter((key) => key.startsWith('sluice_cost_usd_total'));
    expect(ofCosts).toHaveLength(201);
    expect(costs.get('sluice_cost_usd_total{model="small",task="extraction",account="other"}')).toBe(100);
  });
});
