import * as fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import type { ExperimentConfig } from '../../src/domain/experiment-config.ts';
import type { Standing } from '../../src/domain/experiment-standing.ts';
import { createExperimentTallies } from '../../src/store/experiments/tallies.ts';
import { createExperimentTally } from '../../src/store/experiments/tally.ts';
import { type Event, call, experimentWith, standingOf, write } from '../support/experiment-steps.ts';
import { type Stores, openStores } from '../support/harness.ts';
import { killedAt } from '../support/usage-steps.ts';

const open: Stores[] = [];
afterEach(async () => {
  for (const stores of open.splice(0)) await stores.close();
});

function newStores(): Stores {
  const stores = openStores();
  open.push(stores);
  return stores;
}

/** What the streams may say: calls and scores of a few users, or of jobs without one, of this experiment or of another. */
const event: fc.Arbitrary<Event> = fc.record({
  kind: fc.constantFrom('completed', 'failed', 'cached', 'correction', 'score', 'score'),
  job: fc.nat(30),
  user: fc.option(fc.constantFrom('ann', 'bob', 'cid', 'dan', 'eve'), { nil: undefined }),
  variant: fc.constantFrom('trial:a', 'trial:b', 'trial:b', 'trial:gone', 'trial2:a', undefined),
  amount: fc.nat(100),
});
/** Worked out apart from the product: units and first outcomes of each variant. */
function countPlainly(measure: 'score' | 'cost', events: readonly Event[]): object {
  const seen = new Map<string, { variant: string; spent: number; isCounted: boolean }>();
  const values: Record<string, number[]> = { a: [], b: [] };
  // Scores are read beside the calls; a unit is where its first call was, or its first score when that came before.
  for (const { kind, job, user, variant, amount } of events) {
    const name = variant?.startsWith('trial:') ? variant.slice('trial:'.length) : '';
    if (kind === 'correction' || !['a', 'b'].includes(name) || (kind === 'score' && measure === 'cost')) continue;
    const unit = user ?? `j-${job}`;
    const state = seen.get(unit) ?? { variant: name, spent: 0, isCounted: false };
    seen.set(unit, state);
    if (state.variant !== name || state.isCounted) continue;
    if (measure === 'cost' && kind !== 'cached') state.spent += amount;
    state.isCounted = kind === (measure === 'cost' ? 'completed' : 'score');
    if (state.isCounted) values[name]?.push(measure === 'cost' ? state.spent : amount / 100);
  }
  return Object.fromEntries(
    ['a', 'b'].map((name) => [
      name,
      {
        units: [...seen.values()].filter(({ variant }) => variant === name).length,
        outcomes: values[name]?.length,
        sum: (values[name] ?? []).reduce((sum, value) => sum + value, 0),
      },
    ]),
  );
}

/** The connection of a process that comes to a halt before its first write, until it is released. */
function heldUpAtWriting(redis: Stores['redis']) {
  const held = Promise.withResolvers<void>();
  const released = Promise.withResolvers<void>();
  const slow = new Proxy(redis, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name, target);
      if (name !== 'eval' || typeof member !== 'function') return member;
      return async (...values: unknown[]): Promise<unknown> => {
        if (String(values[0]).includes("'standing', ARGV")) {
          held.resolve();
          await released.promise;
        }
        return Reflect.apply(member, target, values);
      };
    },
  });
  return { held: held.promise, release: released.resolve, slow };
}

function figuresOf({ arms }: Standing): object {
  return Object.fromEntries(
    Object.entries(arms).map(([name, { units, outcomes }]) => [
      name,
      { units, outcomes: outcomes.n, sum: expect.closeTo(outcomes.sum, 9) as number },
    ]),
  );
}

describe('outcomes', () => {
  const kills = fc.array(fc.tuple(fc.integer({ min: 1, max: 8 }), fc.constantFrom('before', 'after')), {
    maxLength: 5,
  });

  test('of cost are those of a plain count, whenever consumers are killed and however many there are', async () => {
    const experiment = experimentWith({ measure: 'cost' });
    await fc.assert(
      fc.asyncProperty(
        fc.array(event, { maxLength: 80 }),
        kills,
        fc.integer({ min: 1, max: 30 }),
        async (all, deaths, chunk) => {
          const stores = newStores();
          const { redis, keys } = stores;
          for (let start = 0; start < all.length; start += chunk) {
            await write(stores, all.slice(start, start + chunk));
            const dying = deaths.map(([count, when]) =>
              createExperimentTally(killedAt(redis, count, when), keys, 'trial', experiment, undefined).catchUp(),
            );
            await Promise.allSettled([...dying, standingOf(stores, experiment)]);
          }
          expect(countPlainly('cost', all)).toEqual(figuresOf(await standingOf(stores, experiment)));
        },
      ),
      { numRuns: 25 },
    );
  });

  test('of scores, too, as they arrive', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(event, { maxLength: 60 }), async (all) => {
        const stores = newStores();
        // One at a time: of two streams that are read together, nobody knows which came first.
        for (const each of all) {
          await write(stores, [each]);
          await standingOf(stores);
        }
        expect(countPlainly('score', all)).toEqual(figuresOf(await standingOf(stores)));
      }),
      { numRuns: 15 },
    );
  });

  test('are counted once by consumers that run at the same time, over many pages', async () => {
    const stores = newStores();
    const calls = Array.from({ length: 1_200 }, (_, job): Event => {
      return {
        kind: 'completed',
        job,
        user: undefined,
        variant: `trial:${job % 2 === 0 ? 'a' : 'b'}`,
        amount: job % 7,
      };
    });
    await write(stores, calls);
    const experiment = experimentWith({ measure: 'cost' });
    await Promise.all(Array.from({ length: 5 }, () => standingOf(stores, experiment)));
    const { arms, comparisons } = await standingOf(stores, experiment);
    expect(arms).toMatchObject({ a: { units: 600, outcomes: { n: 600 } }, b: { units: 600, outcomes: { n: 600 } } });
    const { wins = 0, losses = 0, ties = 0 } = comparisons['b'] ?? {};
    expect(wins + losses + ties).toBe(600);
  });

  test('are not set back by a consumer that was held up while others went on', async () => {
    const stores = newStores();
    const { redis, keys } = stores;
    const experiment = experimentWith({ measure: 'cost' });
    const calls = Array.from({ length: 600 }, (_, job): Event => {
      return { kind: 'completed', job, user: undefined, variant: 'trial:a', amount: 1 };
    });
    await write(stores, calls.slice(0, 300));
    const { held, release, slow } = heldUpAtWriting(redis);
    const late = createExperimentTally(slow, keys, 'trial', experiment, undefined).catchUp();
    await held;
    await standingOf(stores, experiment);
    await write(stores, calls.slice(300));
    await standingOf(stores, experiment);
    release();
    await late;
    expect((await standingOf(stores, experiment)).arms['a']).toMatchObject({ units: 600, outcomes: { n: 600 } });
  });

  test('no id of a user is kept', async () => {
    const stores = newStores();
    await write(stores, [{ kind: 'completed', job: 1, user: 'ann@example.com', variant: 'trial:a', amount: 5 }]);
    await standingOf(stores);
    for (const key of await stores.redis.keys(`${stores.keys.prefix}:experiment:*:units`)) {
      const units = await stores.redis.hgetall(key);
      expect(Object.entries(units)).toEqual([[expect.stringMatching(/^[\w-]{16}$/), '0 a']]);
    }
  });
});

describe('another configuration of an experiment', () => {
  const before = experimentWith({ measure: 'cost' });
  const after = experimentWith({ measure: 'cost', salt: 'new' });

  test('is counted anew, from when its workers start; the other is left as it was, and goes on when it is back', async () => {
    const stores = newStores();
    const { redis, keys } = stores;
    const countsAs = async (experiment: ExperimentConfig): Promise<Standing['arms'] | undefined> => {
      const tally = createExperimentTally(redis, keys, 'trial', experiment, undefined);
      return (await tally.catchUp({ takesOver: true }))?.standing.arms;
    };
    await write(stores, [call('trial:a', 1), call('trial:b', 2)]);
    expect(await countsAs(before)).toMatchObject({ a: { units: 1 }, b: { units: 1 } });
    await write(stores, [call('trial:a', 3)]);
    expect(await countsAs(after)).toMatchObject({ a: { units: 0 }, b: { units: 0 } });
    await write(stores, [call('trial:a', 4), call('trial:b', 5)]);
    expect(await countsAs(after)).toMatchObject({ a: { units: 1 }, b: { units: 1 } });
    await write(stores, [call('trial:a', 6)]);
    expect(await countsAs(before)).toMatchObject({ a: { units: 1 }, b: { units: 1 } });
    await write(stores, [call('trial:b', 7)]);
    expect(await countsAs(before)).toMatchObject({ a: { units: 1 }, b: { units: 2 } });
  });

  test('is refused to those who only look, and nothing is changed', async () => {
    const stores = newStores();
    const { redis, keys } = stores;
    await write(stores, [call('trial:a', 1)]);
    await createExperimentTally(redis, keys, 'trial', after, undefined).catchUp({ takesOver: true });
    expect(await createExperimentTally(redis, keys, 'trial', before, undefined).catchUp()).toBeUndefined();
    expect((await standingOf(stores, after)).arms['a']?.units).toBe(1);
  });

  test('is not what another share of the users is', async () => {
    const stores = newStores();
    await write(stores, [call('trial:a', 1)]);
    await standingOf(stores, experimentWith({ measure: 'cost', share: 0.1 }));
    expect((await standingOf(stores, experimentWith({ measure: 'cost', share: 0.5 }))).arms['a']?.units).toBe(1);
  });
});

const group = (share: number) => experimentWith({ measure: 'cost', exclusion_group: 'g', share });

describe('in an exclusion group', () => {
  test('an experiment is another one when one before it moves its places, and the same when one behind it changes', async () => {
    const stores = newStores();
    const { redis, keys } = stores;
    const unitsIn = async (experiments: Record<string, ExperimentConfig>): Promise<number | undefined> => {
      const tally = createExperimentTallies(redis, keys, experiments).get('trial');
      return (await tally?.catchUp({ takesOver: true }))?.standing.arms['a']?.units;
    };
    await write(stores, [call('trial:a', 1)]);
    const [first, second] = [group(0.3), group(0.2)];
    expect(await unitsIn({ first, trial: group(0.5) })).toBe(1);
    expect(await unitsIn({ first, trial: group(0.5), second })).toBe(1);
    // A sum of the same shares.
    expect(await unitsIn({ one: group(0.1), two: second, trial: group(0.5) })).toBe(1);
    expect(await unitsIn({ first: group(0.2), trial: group(0.5) })).toBe(0);
    expect(await unitsIn({ trial: group(0.5), first })).toBe(0);
    expect(await unitsIn({ first, trial: group(0.6) })).toBe(0);
    expect(await unitsIn({ first, trial: group(0.5) })).toBe(1);
  });
});
