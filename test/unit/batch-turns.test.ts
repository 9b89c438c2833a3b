import { expect, test } from 'vitest';
import { inSlices, inTurns } from '../../src/gateway/batches/turns.ts';
import { readLines } from '../../src/producer/index.ts';

function beBusy(forMs: number): void {
  const until = performance.now() + forMs;
  while (performance.now() < until);
}

/** How often others had their turn while this went on. */
async function turnsDuring(work: () => Promise<void>): Promise<number> {
  let turns = 0;
  let isOn = true;
  const count = (): void => {
    turns += 1;
    if (isOn) setImmediate(count);
  };
  setImmediate(count);
  await work();
  isOn = false;
  return turns;
}

test('work on many values lets others have their turn, and loses none', async () => {
  const seen: number[] = [];
  const turns = await turnsDuring(async () => {
    for await (const value of inTurns([1, 2, 3, 4, 5])) {
      beBusy(6);
      seen.push(value);
    }
  });
  expect(seen).toEqual([1, 2, 3, 4, 5]);
  expect(turns).toBeGreaterThanOrEqual(5);
});

test('a file that comes in one piece does so, too, even without any line in it', async () => {
  const whole = (async function* () {
    yield Buffer.from('\n'.repeat(400_000));
  })();
  const turns = await turnsDuring(async () => {
    for await (const _ of inTurns(readLines(inSlices(whole)))) throw new Error('there is no line');
  });
  expect(turns).toBeGreaterThan(2);
});
