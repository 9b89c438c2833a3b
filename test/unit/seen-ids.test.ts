import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { SeenIds } from '../../src/producer/seen-ids.ts';

it('names the line that used an id first, as a Map would', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom('a', 'b', 'A', 'ab', '', '__proto__', 'é', 'e\u0301', '0', '1')), (ids) => {
      const seen = new SeenIds();
      const lines = new Map<string, number>();
      for (const [index, id] of ids.entries()) {
        expect(seen.note(id, index + 1)).toBe(lines.get(id));
        if (!lines.has(id)) lines.set(id, index + 1);
      }
    }),
  );
});

it('remembers a hundred thousand ids, through all its growing', () => {
  const seen = new SeenIds();
  for (let line = 1; line <= 100_000; line += 1) {
    if (seen.note(`row-${line}`, line) !== undefined) expect.unreachable(`row-${line} is new`);
  }
  for (const line of [1, 2, 2_048, 2_049, 65_536, 99_999, 100_000]) {
    expect(seen.note(`row-${line}`, 200_000)).toBe(line);
  }
  expect(seen.note('row-100001', 100_001)).toBeUndefined();
});
