import { describe, expect, test } from 'vitest';
import { createPlaces } from '../../src/gateway/places.ts';

const OVERLOADED = expect.objectContaining({ status: 503, code: 'overloaded', retry: { afterMs: 1_000 } });

describe('places', () => {
  test('are bounded by the bytes that have come, not by those that were announced', () => {
    const places = createPlaces({ most: 10, mostBytes: 100 });
    for (let count = 0; count < 5; count += 1) places.take('mallory', 40).grow(1);
    const ann = places.take('ann', 40);
    ann.grow(40);
    const ben = places.take('ben', 20);
    ben.grow(20);
    expect(() => places.take('cleo', 36)).toThrow(OVERLOADED);
    expect(() => ben.grow(16)).toThrow(OVERLOADED);
    ann.leave();
    ann.leave();
    ben.grow(16);
    places.take('cleo', 29).grow(29);
  });

  test('leave room for others, whatever one caller sends', () => {
    const places = createPlaces({ most: 100, mostBytes: 100 });
    const sent = Array.from({ length: 50 }, () => places.take('mallory', 1));
    for (const place of sent) place.grow(1);
    const yours = expect.objectContaining({ message: expect.stringContaining('of yours') });
    expect(() => sent[0]?.grow(1)).toThrow(yours);
    expect(() => places.take('mallory', 1)).toThrow(yours);
    places.take('ann', 25).grow(25);
    places.take(undefined, 12).grow(12);
  });

  test('take in one whose bytes are the only ones, however many they are', () => {
    const places = createPlaces({ most: 10, mostBytes: 100 });
    places.take('ann', 10);
    const place = places.take('ann', 200);
    for (let count = 0; count < 5; count += 1) place.grow(100);
    expect(() => places.take('ben', 1)).toThrow(OVERLOADED);
    place.leave();
    places.take('ben', 500);
  });

  test('are held for as long as the client or the work for it is there', async () => {
    const places = createPlaces({ most: 1, mostBytes: 100 });
    const place = places.take('ann', 1);
    const work = Promise.withResolvers<string>();
    const working = place.during(() => work.promise);
    place.leave();
    expect(() => places.take('ann', 1)).toThrow(OVERLOADED);
    expect(await places.empty(1)).toBe(false);
    const empty = places.empty(60_000);
    work.resolve('done');
    expect(await working).toBe('done');
    expect(await empty).toBe(true);
    places.take('ann', 1).leave();
  });
});
