import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import type { PromptJob } from '../../src/domain/job.ts';
import { Producer } from '../../src/producer/producer.ts';
import { until, useHarness } from '../support/harness.ts';

const open = useHarness();

describe('enqueueing a bad job', () => {
  test.each<[string, object, RegExp]>([
    ['without a prompt', {}, /prompt: missing: give prompt \(text\), messages \(a list\) or input/],
    ['with a misspelt field', { promt: 'x' }, /unknown field "promt" \(did you mean "prompt"\?\)/],
    ['with both forms of a prompt', { prompt: 'x', messages: [{ role: 'user', content: 'y' }] }, /not both/],
    [
      'for an unknown model',
      { prompt: 'x', model: 'huge' },
      /model: unknown model "huge"; known: large, medium, small/,
    ],
    ['for an unknown task', { prompt: 'x', task: 'cooking' }, /task: unknown task "cooking"; known: coding/],
    ['for an unknown lane', { prompt: 'x', lane: 'fast' }, /lane: unknown lane "fast"; known: batch, interactive/],
    ['with a temperature out of range', { prompt: 'x', temperature: 3 }, /temperature: must be at most 2, got 3/],
  ])('%s is refused with a line that says where and what', async (_, job, message) => {
    const { producer, queue } = await open({ config: { tasks: { coding: {} } } });
    await expect(producer.enqueue(job as PromptJob)).rejects.toMatchObject({
      code: 'JOB_INVALID',
      message: expect.stringMatching(message) as unknown,
    });
    expect(await queue().getWaitingCount()).toBe(0);
  });

  test('does not repeat a long text in the message: it may be a prompt', async () => {
    const { producer } = await open();
    const secret = 'a secret that must not be logged '.repeat(10);
    const error = await producer.enqueue({ prompt: 'x', user: secret, metadata: { key: 7 } } as never).catch(String);
    expect(error).not.toContain('secret');
  });
});

describe('an id of its own', () => {
  test('runs the job once however often it is enqueued, also after it has ended', async () => {
    const { producer, startPool, sim, queue } = await open();
    const job = { id: 'row/7: "x"', prompt: 'hello' };
    const ids = await Promise.all(Array.from({ length: 10 }, () => producer.enqueue(job)));
    expect(new Set(ids.map(({ id }) => id)).size).toBe(1);
    expect(await queue().getWaitingCount()).toBe(1);
    await startPool();
    const { id } = await producer.enqueue(job);
    const result = await producer.waitFor(id, { timeoutMs: 5_000 });
    expect(result).toMatchObject({ row_id: job.id, status: 'completed' });

    await until('the end in the queue', async () => (await queue().getCompletedCount()) === 1);
    await queue().remove(id);
    await producer.enqueue(job);
    await until('the second end', async () => (await queue().getCompletedCount()) === 1);
    expect(sim.ledger.totals().calls).toBe(1);
  });

  test('cannot stand for other content', async () => {
    const { producer, queue } = await open();
    await producer.enqueue({ id: 'a', prompt: 'hello' });
    await expect(producer.enqueue({ id: 'a', prompt: 'something else' })).rejects.toMatchObject({
      code: 'JOB_INVALID',
      message: 'id "a" was used before for another job; give this one another id',
    });
    expect(await queue().getWaitingCount()).toBe(1);
  });
});

function* brokenSource(): Generator<PromptJob> {
  yield { prompt: 'one' };
  yield { prompt: 'two', id: 'two' };
  throw new RangeError('the disk is gone');
}

describe('enqueueing many', () => {
  test('reads an endless source no faster than the queue takes it', async () => {
    const { producer, queue } = await open();
    let read = 0;
    let aheadMost = 0;
    async function* source(): AsyncGenerator<PromptJob> {
      for (; read < 6_000; read += 1) {
        if (read % 100 === 0) aheadMost = Math.max(aheadMost, read - (await queue('batch').getWaitingCount()));
        yield { prompt: `row ${read}`, lane: 'batch' };
      }
    }
    expect(await producer.enqueueMany(source())).toEqual({ enqueued: 6_000 });
    expect(aheadMost).toBeGreaterThan(0);
    expect(aheadMost).toBeLessThanOrEqual(2_000);
    expect(await queue('batch').getWaitingCount()).toBe(6_000);
  });

  test('takes a plain list, and none at all', async () => {
    const { producer, queue } = await open();
    expect(await producer.enqueueMany([])).toEqual({ enqueued: 0 });
    expect(await producer.enqueueMany([{ prompt: 'a' }, { prompt: 'b', lane: 'batch' }])).toEqual({ enqueued: 2 });
    expect(await queue().getWaitingCount()).toBe(1);
    expect(await queue('batch').getWaitingCount()).toBe(1);
  });

  test('claims the ids of many jobs in few round trips', async () => {
    const { producer, queue, redis, keys } = await open();
    const monitor = await redis.monitor();
    const claimCalls = new Set<string>();
    const { promise: allSeen, resolve } = Promise.withResolvers<void>();
    monitor.on('monitor', (time: string, [command, ...fields]: string[]) => {
      if (command === 'evalsha' && fields.some((field) => field.startsWith(keys.claim('')))) claimCalls.add(time);
      if (command === 'echo' && fields[0] === keys.prefix) resolve();
    });
    try {
      const jobs = Array.from({ length: 2_000 }, (_, index) => ({ id: `row ${index}`, prompt: 'hello' }));
      expect(await producer.enqueueMany(jobs)).toEqual({ enqueued: 2_000 });
      await redis.echo(keys.prefix);
      await allSeen;
    } finally {
      monitor.disconnect();
    }
    expect(await queue().getWaitingCount()).toBe(2_000);
    expect(claimCalls.size).toBeGreaterThan(0);
    expect(claimCalls.size).toBeLessThanOrEqual(20);
  });

  test('stops at an id that stands for another job, and names it', async () => {
    const { producer, queue } = await open();
    await producer.enqueue({ id: 'a', prompt: 'hello', lane: 'batch' });
    const jobs = [{ id: 'x', prompt: 'one' }, { prompt: 'two' }, { id: 'a', prompt: 'other' }, { prompt: 'three' }];
    await expect(producer.enqueueMany(jobs)).rejects.toMatchObject({
      code: 'JOB_INVALID',
      message: 'job 3: id "a" was used before for another job; give this one another id (2 before it are enqueued)',
    });
    expect(await queue().getWaitingCount()).toBe(2);
  });

  test('of a source that fails enqueues what it gave, and passes its error on', async () => {
    const { producer, queue } = await open();
    await expect(producer.enqueueMany(brokenSource())).rejects.toThrow(new RangeError('the disk is gone'));
    expect(await queue().getWaitingCount()).toBe(2);
  });

  test('stops at the first bad job; what came before it is in', async () => {
    const { producer, queue } = await open();
    let read = 0;
    function* source(): Generator<PromptJob> {
      for (; read < 2_000; read += 1) yield read === 1_200 ? ({ promt: 'x' } as never) : { prompt: `row ${read}` };
    }
    await expect(producer.enqueueMany(source())).rejects.toMatchObject({
      code: 'JOB_INVALID',
      message: expect.stringMatching(/^job 1201: .*"promt".* \(1200 before it are enqueued\)$/) as unknown,
    });
    expect(read).toBe(1_200);
    expect(await queue().getWaitingCount()).toBe(1_200);
  });
});

describe('waiting for a result', () => {
  test('gives it when the job ends, to everybody who waits', async () => {
    const { producer, startPool } = await open();
    const { id } = await producer.enqueue({ prompt: 'hello' });
    const waits = [1, 2, 3].map(() => producer.waitFor(id, { timeoutMs: 5_000 }));
    await startPool();
    const results = await Promise.all(waits);
    expect(results.map((result) => result.status)).toEqual(['completed', 'completed', 'completed']);
    expect(await producer.waitFor(id, { timeoutMs: 5_000 })).toEqual(results[0]);
  });

  test('ends with a clear error when it takes too long; the job goes on', async () => {
    const { producer, startPool } = await open();
    const { id } = await producer.enqueue({ prompt: 'hello' });
    await expect(producer.waitFor(id, { timeoutMs: 30 })).rejects.toMatchObject({
      code: 'DEADLINE_EXCEEDED',
      message: `job ${id} has not ended within 30 ms; it goes on`,
    });
    await startPool();
    expect(await producer.waitFor(id, { timeoutMs: 5_000 })).toMatchObject({ status: 'completed' });
  });

  test.each([Infinity, 2 ** 40])('waits for as long as %d ms without giving up at once', async (timeoutMs) => {
    const { producer, startPool } = await open();
    const { id } = await producer.enqueue({ prompt: 'hello' });
    const patient = producer.waitFor(id, { timeoutMs });
    // Ends after a timer of 1 ms, which is what Node makes of one that is too long.
    await expect(producer.waitFor(id, { timeoutMs: 30 })).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    await startPool();
    expect(await patient).toMatchObject({ status: 'completed' });
  });

  test('a wait that ends does not take the channel away from another', async () => {
    const { producer, startPool } = await open();
    const { id } = await producer.enqueue({ prompt: 'hello' });
    const patient = producer.waitFor(id, { timeoutMs: 4_000 });
    await expect(producer.waitFor(id, { timeoutMs: 20 })).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    const before = Date.now();
    await startPool();
    expect((await patient).status).toBe('completed');
    // Sooner than the next look that is taken in case an announcement was lost.
    expect(Date.now() - before).toBeLessThan(3_000);
  });
});

describe('closing', () => {
  test('ends the waits under way with a clear error', async () => {
    const { config, target } = await open();
    const producer = new Producer({ config, redis: target });
    const { id } = await producer.enqueue({ prompt: 'hello' });
    const waits = [Infinity, 60_000].map((timeoutMs) => producer.waitFor(id, { timeoutMs }));
    const error = {
      code: 'INTERRUPTED',
      message: `the producer was closed before job ${id} had ended; it goes on`,
    };
    const ended = Promise.all(waits.map((wait) => expect(wait).rejects.toMatchObject(error)));
    await producer.close();
    await ended;
    await expect(producer.waitFor(id, { timeoutMs: 60_000 })).rejects.toMatchObject(error);
    // A timer that was left would be found when the harness closes.
  });

  test('leaves no connection, also of a producer that was never used', async () => {
    const { config, target } = await open();
    await new Producer({ config, redis: target }).close();
    await using producer = new Producer({ config, redis: target });
    await producer.enqueue({ prompt: 'hello' });
    // What was left open would be found when the harness closes.
  });
});

/** Takes connections and says nothing. */
async function startSilentServer(): Promise<{ url: string; close: () => void }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => sockets.add(socket));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : 0;
  const close = (): void => {
    for (const socket of sockets) socket.destroy();
    server.close();
  };
  return { url: `redis://127.0.0.1:${port}`, close };
}

describe('without a Redis that answers', () => {
  test('a wait ends in time and takes nothing else down', async () => {
    const { config } = await open();
    const server = await startSilentServer();
    const unhandled: unknown[] = [];
    const note = (reason: unknown): void => void unhandled.push(reason);
    process.on('unhandledRejection', note);
    const producer = new Producer({ config, redis: { url: server.url } });
    try {
      const waiting = producer.waitFor('j-1', { timeoutMs: 50 });
      const outcome = await Promise.race([
        waiting.then(
          () => 'resolved',
          () => 'rejected',
        ),
        until('nothing', () => unhandled.length > 0, 1_000).catch(() => 'still waiting'),
      ]);
      expect(outcome).toBe('rejected');
      expect(unhandled).toEqual([]);
      await producer.close();
      await waiting.catch(() => {});
    } finally {
      process.off('unhandledRejection', note);
      server.close();
      await producer.close();
    }
  });
});
