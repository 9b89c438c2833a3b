import { fastify } from 'fastify';
import { describe, expect, test } from 'vitest';
import { emptySums } from '../../src/domain/usage-sums.ts';
import { addStatus } from '../../src/monitor/status/routes.ts';
import type { Status } from '../../src/monitor/status/status.ts';

const NOW = Date.parse('2026-11-22T14:03:09Z');
const EVIL = `"'><script>alert(1)</script>&`;

/** All texts that come from elsewhere are the same. */
function statusWith(text: string): Status {
  const sums = { ...emptySums(), completed: 9, failed: 1, cost_nanos: 2_000_000 };
  return {
    at: NOW,
    lanes: [
      { lane: text, waiting: 3, active: 1, delayed: 0, completed: 0, failed: 0, isPaused: false, workers: 0 },
      { lane: text, waiting: 1, active: 0, delayed: 0, completed: 0, failed: 2, isPaused: true, workers: undefined },
    ],
    spend: {
      total: sums,
      countedUntilMs: NOW,
      shares: new Map([['account', [{ name: text, sums }]]]),
    },
    models: (['fine', 'trying', 'stopped', 'throttled'] as const).map((state) => ({
      alias: text,
      provider: text,
      state,
      code: text,
      untilMs: NOW + 42_000,
      inFlight: 1,
      sums,
    })),
    closedGates: [{ name: text, provider: text, key: text, state: 'stopped', reason: 'key', inflight: 0 }],
    budgets: [
      {
        purse: text,
        window: 'day',
        spentNanos: 9,
        heldNanos: 1,
        limitNanos: 10,
        isSoft: false,
        endsAt: NOW + 7_200_000,
      },
    ],
    keys: [
      {
        id: text,
        name: text,
        account: text,
        budget: {
          purse: `key:${text}`,
          keyName: text,
          window: 'day',
          spentNanos: 10,
          heldNanos: 0,
          limitNanos: 10,
          isSoft: false,
        },
        sums,
      },
    ],
    batches: [
      {
        id: text,
        name: text,
        digest: '',
        total: 200,
        lane: text,
        submittedAt: NOW - 60_000,
        state: 'running',
        enqueued: 200,
        completed: 49,
        failed: 1,
        cached: 0,
        retrying: 0,
        attempts: 50,
        fallbacks: 0,
        costNanos: 1,
      },
    ],
    failures: { count: 1, newest: [{ jobId: text, task: text, model: text, code: text, failedAt: NOW - 1_000 }] },
  };
}

function serve(readStatus: () => Promise<Status>) {
  const app = fastify();
  addStatus(app, readStatus);
  return app;
}

describe('the status page', () => {
  test('escapes every text that comes from elsewhere', async () => {
    const { body } = await serve(async () => statusWith(EVIL)).inject('/');
    expect(body).not.toContain('<script>');
    expect(body).not.toContain(EVIL);
    expect(body.split('&quot;&#39;&gt;&lt;script&gt;').length).toBeGreaterThan(20);
    expect(body.match(/<script/g)).toHaveLength(1);
  });

  test('says what wants a look, and by when it changes', async () => {
    const { body } = await serve(async () => statusWith('x')).inject('/');
    const notice = body.slice(body.indexOf('role="status"'), body.indexOf('</ul>')).replaceAll(/<[^>]+>|\s+/g, ' ');
    for (const words of ['has 3 jobs and no worker', 'is paused on the board', 'tried again in 42 s', 'more, below']) {
      expect(notice.replaceAll(/\s+/g, ' ')).toContain(words);
    }
    expect(body).toContain('<title>(7) Sluice</title>');
  });

  test('speaks of models in words that do not mean the opposite to others', async () => {
    const { body } = await serve(async () => statusWith('x')).inject('/');
    const words = [...body.matchAll(/<span class="state \w+">([^<]+)</g)].map(([, word]) => word);
    expect(words).toEqual(['fine', 'one call at a time', 'left alone', 'throttled']);
  });

  test('counts what was cancelled apart from what failed', async () => {
    const status = statusWith('x');
    const sums = { ...emptySums(), completed: 120, failed: 10, unconfirmed: 50, cancelled: 52 };
    const models = status.models.slice(0, 1).map((model) => ({ ...model, sums }));
    const { body } = await serve(async () => ({ ...status, models, spend: { ...status.spend, total: sums } })).inject(
      '/',
    );
    expect(body).toContain('<dd>8 failed (4 %), 52 cancelled</dd>');
    expect(body).toContain('<span class="bad">8</span>');
    const none = { ...sums, failed: 0, unconfirmed: 52 };
    const calm = await serve(async () => ({ ...status, spend: { ...status.spend, total: none } })).inject('/');
    expect(calm.body).toContain('<dd>none failed, 52 cancelled</dd>');
  });

  test('is read once however many look at it at a time', async () => {
    let reads = 0;
    const app = serve(async () => {
      reads += 1;
      return statusWith('x');
    });
    const answers = await Promise.all(Array.from({ length: 50 }, () => app.inject('/')));
    expect(new Set(answers.map(({ statusCode }) => statusCode))).toEqual(new Set([200]));
    expect(reads).toBe(1);
  });

  test('tells an outage of Redis from a fault of its own', async () => {
    const lost = await serve(() => Promise.reject(new Error('Connection is closed.'))).inject('/');
    expect(lost.statusCode).toBe(503);
    expect(lost.body).toContain('Redis does not answer');
    const bug = await serve(() => Promise.reject(new TypeError('x is undefined'))).inject('/');
    expect(bug.statusCode).toBe(500);
  });
});
