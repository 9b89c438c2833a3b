import { describe, expect, onTestFinished, test } from 'vitest';
import { ExperimentConfig } from '../../src/domain/experiment-config.ts';
import { createExperimentControlReader, createExperimentOrders } from '../../src/store/experiments/orders.ts';
import { createExperimentTally } from '../../src/store/experiments/tally.ts';
import { openStores, until, useHarness } from '../support/harness.ts';

describe('orders', () => {
  test('are seen by a reader, which keeps its object while nothing changes', async () => {
    const stores = openStores();
    onTestFinished(() => stores.close());
    const { redis, keys } = stores;
    const orders = createExperimentOrders(redis, keys);
    const reader = createExperimentControlReader(redis, keys);
    await orders.give('one', { state: 'stopped', at: 1 });
    await orders.give('two', { state: 'promoted', variant: 'b', at: 2 });
    await redis.hset(keys.experimentOrders, 'three', '{"state":"of a later version"}', 'four', 'not JSON');
    await reader.refresh();
    const control = reader.current();
    expect(control).toEqual({ stoppedExperiments: new Set(['one']), promotedVariants: new Map([['two', 'b']]) });
    await reader.refresh();
    expect(reader.current()).toBe(control);
    expect(await orders.takeBack('one')).toBe(true);
    expect(await orders.takeBack('one')).toBe(false);
    await reader.refresh();
    expect(reader.current().stoppedExperiments).toEqual(new Set());
  });
});

describe('workers', () => {
  const openHarness = useHarness();

  test('obey a stop and a promotion while they run, and count what they assigned', async () => {
    const harness = await openHarness({
      config: {
        experiments: { trial: { measure: 'cost', variants: { a: { models: ['small'] }, b: { models: ['large'] } } } },
      },
    });
    const { redis, keys, config } = harness;
    await harness.startPool();
    const orders = createExperimentOrders(redis, keys);
    let jobs = 0;
    const runOne = async (): Promise<{ model: string | undefined; variant: string | undefined }> => {
      jobs += 1;
      const [result] = await harness.run([{ prompt: `What is ${jobs}?`, user: `user-${jobs}` }]);
      if (result?.status !== 'completed') throw new Error('it failed');
      return { model: result.model, variant: result.variant };
    };
    const assigned = [await runOne(), await runOne(), await runOne()];
    for (const { model, variant } of assigned) expect(variant).toBe(model === 'small' ? 'trial:a' : 'trial:b');

    await orders.give('trial', { state: 'promoted', variant: 'b', at: 1 });
    await until('workers to obey the promotion', async () => (await runOne()).variant === undefined);
    expect(await runOne()).toEqual({ model: 'large', variant: undefined });
    await orders.give('trial', { state: 'stopped', at: 2 });
    await until('workers to obey the stop', async () => (await runOne()).model === 'small');
    expect(await runOne()).toEqual({ model: 'small', variant: undefined });

    const counted = (await harness.usage()).filter(({ variant }) => variant !== undefined).length;
    const experiment = config.experiments['trial'] ?? ExperimentConfig.parse({});
    const tally = await createExperimentTally(redis, keys, 'trial', experiment, undefined).catchUp();
    const { a, b } = tally?.standing.arms ?? {};
    expect((a?.units ?? 0) + (b?.units ?? 0)).toBe(counted);
  });

  test('count the scores of jobs that say what they expect, and those that people give, one a user', async () => {
    const harness = await openHarness({ config: { experiments: { trial: { variants: { a: {}, b: {} } } } } });
    const { redis, keys, config, producer } = harness;
    await harness.startPool();
    const users = ['ann', 'bob', 'cid', 'dan', 'ann', 'bob'];
    await harness.run(users.map((user) => ({ prompt: 'What is 2 + 2?', user, expect: { contains: 'no such word' } })));
    const [unexpected] = await harness.run([{ id: 'eve-1', prompt: 'What is 2 + 2?', user: 'eve' }]);
    await producer.feedback(unexpected?.job_id ?? '', 0.5);
    await producer.feedback(unexpected?.job_id ?? '', 0.7);
    const experiment = config.experiments['trial'] ?? ExperimentConfig.parse({});
    const tally = await createExperimentTally(redis, keys, 'trial', experiment, undefined).catchUp();
    const { a, b } = tally?.standing.arms ?? {};
    expect((a?.units ?? 0) + (b?.units ?? 0)).toBe(5);
    expect((a?.outcomes.n ?? 0) + (b?.outcomes.n ?? 0)).toBe(5);
    expect((a?.outcomes.sum ?? 0) + (b?.outcomes.sum ?? 0)).toBe(0.5);
  });
});
