import { expect, it } from 'vitest';
import { enqueueInChunks } from '../../src/producer/chunks.ts';

function* numbers(count: number): Generator<number> {
  for (let number = 0; number < count; number += 1) yield number;
}

it('all entries are added once, in chunks of at most 100, and heard of in order', async () => {
  const added: number[] = [];
  const heard: number[] = [];
  const sizes: number[] = [];
  const total = await enqueueInChunks(
    numbers(2_345),
    async (chunk) => {
      sizes.push(chunk.length);
      added.push(...chunk);
    },
    (so) => void heard.push(so),
  );
  expect(total).toBe(2_345);
  expect(added).toEqual([...numbers(2_345)]);
  expect(Math.max(...sizes)).toBeLessThanOrEqual(100);
  expect(heard.at(-1)).toBe(2_345);
  expect(heard).toEqual(heard.toSorted((a, b) => a - b));
});

it('the source is read no faster than chunks are acknowledged', async () => {
  let read = 0;
  let acknowledged = 0;
  let furthest = 0;
  function* source(): Generator<number> {
    for (const number of numbers(20_000)) {
      read += 1;
      furthest = Math.max(furthest, read - acknowledged);
      yield number;
    }
  }
  await enqueueInChunks(source(), async (chunk) => {
    await new Promise(setImmediate);
    acknowledged += chunk.length;
  });
  expect(acknowledged).toBe(20_000);
  expect(furthest).toBeLessThanOrEqual(2_000);
});

it('a chunk that is refused fails the whole, after the others have been answered', async () => {
  let underWay = 0;
  let calls = 0;
  const added: number[] = [];
  const adding = enqueueInChunks(
    numbers(5_000),
    async (chunk) => {
      calls += 1;
      underWay += 1;
      const isFirst = calls === 1;
      // The first is refused while those after it are still under way.
      for (let turn = isFirst ? 1 : 5; turn > 0; turn -= 1) await new Promise(setImmediate);
      underWay -= 1;
      if (isFirst) throw new Error('no room');
      added.push(chunk.length);
    },
    () => expect.unreachable('nothing is in from the start'),
  );
  await expect(adding).rejects.toThrow('no room');
  expect(underWay).toBe(0);
  expect(added.length).toBeGreaterThan(0);
});

it('a source that fails keeps what it gave before', async () => {
  const added: number[] = [];
  let heard = 0;
  async function* source(): AsyncGenerator<number> {
    yield* numbers(1_200);
    throw new Error('the disk is gone');
  }
  const adding = enqueueInChunks(
    source(),
    async (chunk) => void added.push(...chunk),
    (so) => void (heard = so),
  );
  await expect(adding).rejects.toThrow('the disk is gone');
  expect(heard).toBe(1_200);
  expect(added).toEqual([...numbers(1_200)]);
});
