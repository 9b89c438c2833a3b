import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Chore, type Chores, startChores } from '../../src/workers/chores.ts';
import { type Stores, openStores, until } from '../support/harness.ts';

let stores: Stores;
const started: Chores[] = [];
beforeEach(() => {
  stores = openStores();
});
afterEach(async () => {
  await Promise.all(started.splice(0).map((chores) => chores.stop()));
  await stores.close();
});

function start(chore: Chore, lines: string[] = []): Chores {
  const logger = pino({ level: 'warn' }, { write: (line) => void lines.push(line) });
  const chores = startChores({ ...stores, logger, chores: [chore] });
  started.push(chores);
  return chores;
}

describe('a chore', () => {
  test('is run by one pool at a time, over and over, no more often by many than by one', async () => {
    let running = 0;
    let most = 0;
    const startedAt: number[] = [];
    const chore: Chore = {
      name: 'sweep',
      everyMs: 40,
      async run() {
        startedAt.push(performance.now());
        running += 1;
        most = Math.max(most, running);
        await stores.redis.ping();
        running -= 1;
      },
    };
    for (let pool = 0; pool < 5; pool += 1) start(chore);
    await until('ten runs', () => startedAt.length >= 10);
    expect(most).toBe(1);
    const apart = startedAt.slice(1).map((at, index) => at - (startedAt[index] ?? 0));
    // The turn rests for nine tenths of the time; a millisecond is what Redis rounds to.
    expect(Math.min(...apart)).toBeGreaterThan(40 * 0.9 - 2);
  });

  test('that is running is aborted and waited for when its pool stops, and another pool takes over at once', async () => {
    const events: string[] = [];
    const first = start({
      name: 'sweep',
      everyMs: 60_000,
      async run(signal) {
        events.push('first runs');
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
        await stores.redis.ping();
        events.push('first ended');
      },
    });
    await until('the first run', () => events.length === 1);
    await first.stop();
    events.push('stopped');
    start({ name: 'sweep', everyMs: 60_000, run: async () => void events.push('second runs') });
    await until('the second run', () => events.includes('second runs'));
    expect(events).toEqual(['first runs', 'first ended', 'stopped', 'second runs']);
  });

  test('that fails is logged once a second at the most, and is run again', async () => {
    const lines: string[] = [];
    let runs = 0;
    const run = async (): Promise<void> => {
      runs += 1;
      throw new Error('secret of a prompt');
    };
    start({ name: 'sweep', everyMs: 5, run }, lines);
    await until('five runs', () => runs >= 5);
    expect(lines).toHaveLength(1);
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ chore: 'sweep', msg: 'chore failed' });
    expect(lines[0]).not.toContain('secret');
  });

  test('whose turn was lost to another pool is told to give up', async () => {
    const { redis, keys } = stores;
    let reason: unknown;
    let hasBegun = false;
    start({
      name: 'sweep',
      everyMs: 60_000,
      async run(signal) {
        hasBegun = true;
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
        reason = signal.reason;
      },
    });
    await until('the run', () => hasBegun);
    await redis.set(keys.chore('sweep'), 'another pool');
    await until('the end', () => reason, 8_000);
    expect(reason).toMatchObject({ message: 'its turn was not renewed in time' });
    expect(await redis.get(keys.chore('sweep'))).toBe('another pool');
  }, 10_000);
});
