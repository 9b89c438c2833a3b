import { describe, expect, test } from 'vitest';
import { createPlaces } from '../../src/gateway/places.ts';

const OVERLOADED = expect.objectContaining({ status: 503, code: 'overloaded', retry: { afterMs: 1_000 } });

describe('places', () => {
  test('are bounded by the bytes of the requests that wait, whether they were told or came later', () => {
    const places = createPlaces({ most: 10, mostBytes: 100 });
    const [one, other] = [places.take(60), places.take(30)];
    expect(() => places.take(11)).toThrow(OVERLOADED);
    places.take(10).leave();
    expect(() => other.grow(11)).toThrow(OVERLOADED);
    other.grow(10);
    one.leave();
    one.leave();
    expect(() => places.take(61)).toThrow(OVERLOADED);
    places.take(60);
  });

  test('take in one that is alone, however large it is', () => {
    const places = createPlaces({ most: 10, mostBytes: 100 });
    const place = places.take(0);
    place.grow(500);
    expect(() => places.take(1)).toThrow(OVERLOADED);
    place.leave();
    places.take(500);
  });

  test('are held for as long as the client or the work for it is there', async () => {
    const places = createPlaces({ most: 1, mostBytes: 100 });
    const place = places.take(1);
    const work = Promise.withResolvers<string>();
    const working = place.during(() => work.promise);
    place.leave();
    expect(() => places.take(1)).toThrow(OVERLOADED);
    let isEmpty = false;
    const empty = places.empty().then(() => (isEmpty = true));
    await Promise.resolve();
    expect(isEmpty).toBe(false);
    work.resolve('done');
    expect(await working).toBe('done');
    await empty;
    places.take(1).leave();
  });
});
