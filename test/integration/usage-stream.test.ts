import type { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createUsageStream, type UsageEntry } from '../../src/store/usage-stream.ts';
import { type Stores, openStores, until } from '../support/harness.ts';
import { usageRecord } from '../support/ledger-steps.ts';

const FOLLOWER = 'test-follower';

let stores: Stores;
beforeEach(() => {
  stores = openStores();
});
afterEach(() => stores.close());

async function write(job: string, id = '*'): Promise<string | null> {
  return stores.redis.xadd(stores.keys.usage, id, 'record', JSON.stringify(usageRecord({ job }, 'completed', 1)));
}

async function jobsOf(pages: AsyncIterable<UsageEntry[]>): Promise<string[][]> {
  const jobs: string[][] = [];
  for await (const page of pages) jobs.push(page.map((entry) => entry.record.job_id));
  return jobs;
}

describe('reading', () => {
  test('gives every record once, in order, in pages', async () => {
    const pipeline = stores.redis.pipeline();
    const record = JSON.stringify(usageRecord({ job: 'a' }, 'completed', 1));
    for (let index = 1; index <= 2_500; index += 1) pipeline.xadd(stores.keys.usage, `${index}-0`, 'record', record);
    await pipeline.exec();
    const ids: string[] = [];
    const sizes: number[] = [];
    for await (const page of createUsageStream(stores.redis, stores.keys).read()) {
      sizes.push(page.length);
      ids.push(...page.map((entry) => entry.id));
    }
    expect(sizes).toEqual([1_000, 1_000, 500]);
    expect(ids).toEqual(Array.from({ length: 2_500 }, (_, index) => `${index + 1}-0`));
  });

  test('begins at a time or after an entry', async () => {
    for (const [index, job] of ['a', 'b', 'c'].entries()) await write(job, `${(index + 1) * 100}-0`);
    const stream = createUsageStream(stores.redis, stores.keys);
    expect(await jobsOf(stream.read({ sinceMs: 200 }))).toEqual([['b', 'c']]);
    expect(await jobsOf(stream.read({ afterId: '200-0' }))).toEqual([['c']]);
    expect(await jobsOf(stream.read({ sinceMs: 301 }))).toEqual([]);
    expect(await stream.length()).toBe(3);
  });

  test('leaves out what it does not understand, and goes on behind it', async () => {
    const { redis, keys } = stores;
    await redis.xadd(keys.usage, '*', 'record', 'not JSON');
    await redis.xadd(keys.usage, '*', 'record', JSON.stringify({ ...usageRecord({ job: 'a' }, 'completed', 1), v: 2 }));
    await redis.xadd(keys.usage, '*', 'other', 'field');
    await write('b');
    expect(await jobsOf(createUsageStream(redis, keys).read())).toEqual([['b']]);
  });
});

describe('following', () => {
  test('gives what is written from now on, and ends with its signal', async () => {
    await write('before');
    const connection = stores.redis.duplicate({ connectionName: FOLLOWER });
    const controller = new AbortController();
    const pages = createUsageStream(connection, stores.keys).follow(controller.signal);
    const first = pages.next();
    await blockedFollower();
    await write('after');
    expect((await first).value?.map((entry: UsageEntry) => entry.record.job_id)).toEqual(['after']);
    controller.abort();
    expect((await pages.next()).done).toBe(true);
    connection.disconnect();
  });

  test('misses nothing that is written between two questions', async () => {
    await write('before');
    const { redis, keys } = stores;
    let questions = 0;
    // The first question finds nothing; the record arrives before the second one is asked.
    const impatient = new Proxy(redis, {
      get: (target, name) => {
        if (name !== 'xread') return Reflect.get(target, name, target) as unknown;
        return async (...command: Parameters<Redis['xread']>) => {
          questions += 1;
          if (questions > 1) return target.xread(...command);
          await write('in between');
          return null;
        };
      },
    });
    const controller = new AbortController();
    const pages = createUsageStream(impatient, keys).follow(controller.signal);
    const { value } = await pages.next();
    expect(value?.map((entry: UsageEntry) => entry.record.job_id)).toEqual(['in between']);
    controller.abort();
    await pages.return(undefined);
  });

  test('of an empty stream begins with its first record', async () => {
    const connection = stores.redis.duplicate({ connectionName: FOLLOWER });
    const controller = new AbortController();
    const first = createUsageStream(connection, stores.keys).follow(controller.signal).next();
    await blockedFollower();
    await write('first');
    expect((await first).value).toHaveLength(1);
    controller.abort();
    connection.disconnect();
  });
});

/** Waits until the follower is in a blocking read. */
async function blockedFollower(): Promise<void> {
  await until('a blocking read', async () => {
    const clients = String(await stores.redis.client('LIST')).split('\n');
    return clients.some((line) => line.includes(` name=${FOLLOWER} `) && / flags=\w*b\w* /.test(line));
  });
}
