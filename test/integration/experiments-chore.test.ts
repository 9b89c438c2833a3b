import { afterEach, describe, expect, test } from 'vitest';
import type { ExperimentConfig } from '../../src/domain/experiment-config.ts';
import { createExperimentTallies } from '../../src/store/experiments/tallies.ts';
import { createFeedbackStream } from '../../src/store/feedback-stream.ts';
import { experimentChore } from '../../src/workers/experiment-chore.ts';
import { type Event, call, experimentWith, standingOf, write } from '../support/experiment-steps.ts';
import { type Stores, openStores } from '../support/harness.ts';

const open: Stores[] = [];
afterEach(async () => {
  for (const stores of open.splice(0)) await stores.close();
});

function newStores(): Stores {
  const stores = openStores();
  open.push(stores);
  return stores;
}

describe('scores that are not counted yet', () => {
  const kept = 5;
  const scores = Array.from({ length: 40 }, (_, job): Event => {
    return { kind: 'score', job, user: undefined, variant: 'trial:a', amount: 100 };
  });
  /** As after the evidence has counted everything. */
  const trim = async ({ redis, keys }: Stores): Promise<number> => {
    const [newest] = await redis.xrevrange(keys.feedback, '+', '-', 'COUNT', 1);
    await redis.hset(keys.feedbackReaders, 'evidence', newest?.[0] ?? '0-0');
    return createFeedbackStream(redis, keys).trim({ kept });
  };

  test('stay in the stream for as long as an experiment that measures them is behind', async () => {
    const stores = newStores();
    const { redis, keys } = stores;
    const experiments = {
      other: experimentWith(),
      trial: experimentWith(),
      cheap: experimentWith({ measure: 'cost' }),
    };
    const run = (connection: Stores['redis']) =>
      experimentChore(connection, keys, { experiments }).run(new AbortController().signal);
    await run(redis);
    await write(stores, scores);
    // One of two that measure scores is counted, also by those who look.
    await createExperimentTallies(redis, keys, experiments).get('other')?.catchUp();
    await expect(run(failingFor(redis, keys.experimentTally('trial', '')))).rejects.toThrow('out of order');
    expect(await trim(stores)).toBe(0);
    await run(redis);
    expect((await standingOf(stores)).arms['a']?.outcomes.n).toBe(scores.length);
    await run(redis);
    expect(await trim(stores)).toBe(scores.length - kept);
  });

  test('go when no experiment measures them any more', async () => {
    const stores = newStores();
    const { redis, keys } = stores;
    const runWith = (experiments: Record<string, ExperimentConfig>) =>
      experimentChore(redis, keys, { experiments }).run(new AbortController().signal);
    await runWith({ trial: experimentWith() });
    await write(stores, scores);
    expect(await trim(stores)).toBe(0);
    await runWith({ trial: experimentWith({ measure: 'cost' }) });
    expect(await trim(stores)).toBe(scores.length - kept);
  });
});

test('an experiment that cannot be counted keeps no other from it, and the chore says that it could not', async () => {
  const stores = newStores();
  const { redis, keys } = stores;
  const experiments = { trial: experimentWith({ measure: 'cost' }), trial2: experimentWith({ measure: 'cost' }) };
  const chore = experimentChore(failingFor(redis, keys.experimentTally('trial', '')), keys, { experiments });
  await write(stores, [call('trial:a', 1), call('trial2:a', 2)]);
  await expect(chore.run(new AbortController().signal)).rejects.toThrow('out of order');
  expect(Object.keys(await redis.hgetall(keys.experiments))).toEqual(['trial2']);
  expect(await redis.hget(await tallyKeyOf(stores, 'trial2'), 'standing')).toContain('"units":1');
});

/** A connection on which the scripts of one experiment fail. */
function failingFor(redis: Stores['redis'], keyPrefix: string): Stores['redis'] {
  return new Proxy(redis, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== 'function') return member;
      return (...values: unknown[]): unknown => {
        const isOurs = name === 'eval' && values.some((value) => String(value).startsWith(keyPrefix));
        return isOurs ? Promise.reject(new Error('out of order')) : Reflect.apply(member, target, values);
      };
    },
  });
}

async function tallyKeyOf({ redis, keys }: Stores, name: string): Promise<string> {
  return keys.experimentTally(name, (await redis.hget(keys.experiments, name)) ?? '');
}

test('the chore counts every experiment, and nothing once its turn is over', async () => {
  const stores = newStores();
  const { redis, keys } = stores;
  const experiments = { trial: experimentWith({ measure: 'cost' }), trial2: experimentWith({ measure: 'latency' }) };
  const chore = experimentChore(redis, keys, { experiments });
  await write(stores, [
    { kind: 'completed', job: 1, user: undefined, variant: 'trial:a', amount: 5 },
    { kind: 'completed', job: 2, user: undefined, variant: 'trial2:a', amount: 5 },
  ]);
  await expect(chore.run(AbortSignal.abort(new Error('the pool is stopping')))).rejects.toThrow('stopping');
  expect(await redis.exists(keys.experiments)).toBe(0);
  await chore.run(new AbortController().signal);
  expect(Object.keys(await redis.hgetall(keys.experiments)).toSorted()).toEqual(['trial', 'trial2']);
});
