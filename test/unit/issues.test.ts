import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { check, formatPath, formatProblem, show, suggestion } from '../../src/domain/issues.ts';

function linesOf(schema: z.ZodType, input: unknown): string[] {
  const checked = check(schema, input);
  return checked.ok ? [] : checked.problems.map(formatProblem);
}

/** Nested as deep as said, built without recursion. */
function nested(levels: number, wrap: (inner: unknown) => unknown): unknown {
  let value: unknown = 'core';
  for (let level = 0; level < levels; level += 1) value = wrap(value);
  return value;
}

describe('a misspelled field', () => {
  const schema = z.strictObject({
    prompt: z.string(),
    options: z.strictObject({ temperature: z.number().optional() }).optional(),
    tags: z.record(z.string(), z.strictObject({ colour: z.string().optional() })).optional(),
  });

  test('is told with the right spelling, and the right one is not told as missing', () => {
    expect(linesOf(schema, { promt: 'x' })).toEqual(['unknown field "promt" (did you mean "prompt"?)']);
  });

  test('is compared with the fields of its own place alone', () => {
    expect(linesOf(schema, { prompt: 'x', temperature: 1 })).toEqual(['unknown field "temperature"']);
    expect(linesOf(schema, { prompt: 'x', options: { temprature: 1 } })).toEqual([
      'options: unknown field "temprature" (did you mean "temperature"?)',
    ]);
    expect(linesOf(schema, { prompt: 'x', tags: { a: { color: 'red' } } })).toEqual([
      'tags.a: unknown field "color" (did you mean "colour"?)',
    ]);
  });

  test('gets no suggestion when nothing is near', () => {
    expect(suggestion('xyz', ['prompt', 'task'])).toBe('');
    expect(suggestion('Prompt', ['prompt'])).toBe(' (did you mean "prompt"?)');
  });

  test('that is as long as the row is neither compared nor repeated', () => {
    expect(linesOf(schema, { prompt: 'x', ['secret'.repeat(200_000)]: 1 })).toEqual([
      'unknown field of 1200000 characters',
    ]);
  });

  test('one of very many is counted', () => {
    const row = Object.fromEntries(Array.from({ length: 9_000 }, (_, index) => [`k${index}`, 1]));
    const lines = linesOf(schema, { prompt: 'x', ...row });
    expect(lines).toHaveLength(101);
    expect(lines.at(-1)).toBe('and 8900 more unknown fields');
  });
});

describe('what is shown of a value', () => {
  test.each<{ value: unknown; shown: string }>([
    { value: 'short', shown: '"short"' },
    { value: 'x'.repeat(40), shown: `"${'x'.repeat(40)}"` },
    { value: 'x'.repeat(41), shown: 'a text of 41 characters' },
    { value: [1, 2], shown: 'a list of 2' },
    { value: { a: 1 }, shown: 'an object' },
    { value: null, shown: 'null' },
    { value: undefined, shown: 'a undefined' },
    { value: Number.NaN, shown: 'NaN' },
    { value: -0.5, shown: '-0.5' },
    { value: 5n, shown: 'a bigint' },
    { value: () => 'source', shown: 'a function' },
    { value: Symbol('secret'), shown: 'a symbol' },
    { value: 'a\nb\u001b[31m', shown: String.raw`"a\nb\u001b[31m"` },
    { value: '\u009b31m\u202e\u2028', shown: String.raw`"\u009b31m\u202e\u2028"` },
  ])('$shown', ({ value, shown }) => {
    expect(show(value)).toBe(shown);
  });

  test('is one line without control characters, whatever the value', () => {
    fc.assert(
      fc.property(fc.oneof(fc.anything(), fc.string({ unit: 'binary' })), (value) => {
        // oxlint-disable-next-line no-control-regex
        expect(show(value)).toMatch(/^[^\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e]{1,260}$/);
      }),
    );
  });

  test('names that are no names stand in brackets', () => {
    expect(formatPath(['models', 'openai/gpt-4o', 'price', 0])).toBe('models.openai/gpt-4o.price[0]');
    expect(formatPath(['tags', 'a b', 'c\nd', 'e'.repeat(200)])).toBe(
      String.raw`tags["a b"]["c\nd"][a text of 200 characters]`,
    );
    expect(formatPath([])).toBe('');
  });

  test('values of key fields are never shown', () => {
    const schema = z.strictObject({ api_key: z.string().regex(/^k/), headers: z.record(z.string(), z.string()) });
    const lines = linesOf(schema, { api_key: 'sk-secret', headers: { 'x-key': 4_711 } });
    expect(lines).toEqual(['api_key: must match /^k/', 'headers.x-key: expected a text']);
  });
});

describe('the branch of a union that was meant', () => {
  const schema = z.strictObject({ stop: z.union([z.string(), z.array(z.string()).max(2)]) });

  test.each<[unknown, string]>([
    [5, 'stop: expected a text or a list, got 5'],
    [['a', 5], 'stop[1]: expected a text, got 5'],
    [['a', 'b', 'c'], 'stop: must be at most 2 entries, got a list of 3'],
    [undefined, 'stop: missing'],
  ])('for %j: %s', (stop, line) => {
    expect(linesOf(schema, { stop })).toEqual([line]);
  });

  test('of very many wrong entries a hundred are told', () => {
    const texts = z.union([z.string(), z.array(z.string())]);
    const wrong = Array.from({ length: 20_000 }, () => 1);
    const lines = linesOf(texts, wrong);
    expect(lines).toHaveLength(100);
    expect(lines[0]).toBe('[0]: expected a text, got 1');
    const flat = linesOf(z.array(z.string()), wrong);
    expect(flat).toHaveLength(101);
    expect(flat.at(-1)).toBe('and 19900 more');
  });
});

describe('what no input may hold', () => {
  const schema = z.strictObject({ data: z.json() });

  test('64 levels are fine, more are refused, and no depth overflows the stack', () => {
    expect(linesOf(schema, { data: nested(62, (inner) => ({ a: inner })) })).toEqual([]);
    expect(linesOf(schema, { data: nested(64, (inner) => [inner]) })).toEqual([]);
    const refusal = ['data: nested more than 64 levels deep'];
    expect(linesOf(schema, { data: nested(65, (inner) => [inner]) })).toEqual(refusal);
    expect(linesOf(schema, { data: nested(65, (inner) => ({ a: inner })) })).toEqual(refusal);
    expect(linesOf(schema, { data: nested(200_000, (inner) => [inner]) })).toEqual(refusal);
    expect(
      linesOf(
        schema,
        nested(200_000, (inner) => ({ a: inner })),
      ),
    ).toEqual(['a: nested more than 64 levels deep']);
  });

  test('a value that holds itself is refused', () => {
    const circle: Record<string, unknown> = {};
    circle['again'] = circle;
    expect(linesOf(schema, { data: circle })).toEqual(['data: nested more than 64 levels deep']);
    const bush: unknown[] = [];
    bush.push(bush, bush, bush);
    expect(linesOf(schema, { data: bush })).toEqual(['more than 300000 values']);
  });

  test.each<[unknown, string]>([
    [{ data: 'a\ud800' }, 'data: half of a surrogate pair (a broken character)'],
    [{ data: ['\udc00b'] }, 'data[0]: half of a surrogate pair (a broken character)'],
    [{ data: { '\ud83d': 1 } }, 'data: a name has half of a surrogate pair (a broken character)'],
    ['\ud83d', 'half of a surrogate pair (a broken character)'],
    [JSON.parse('{"data":{"__proto__":{"admin":true}}}'), 'data: the name "__proto__" is not allowed'],
    [JSON.parse('{"__proto__":1,"data":1}'), 'the name "__proto__" is not allowed'],
  ])('%#: %s', (input, line) => {
    expect(linesOf(schema, input)).toEqual([line]);
    expect(({} as Record<string, unknown>)['admin']).toBeUndefined();
  });

  test('whole characters of every plane are fine', () => {
    expect(linesOf(schema, { data: { '😀': 'é😀\u0000', constructor: 1, toString: 2 } })).toEqual([]);
  });

  test('any input gets an answer', () => {
    fc.assert(
      fc.property(
        fc.anything({ withNullPrototype: true, withBigInt: true, withDate: true, withMap: true }),
        (input) => {
          for (const line of linesOf(schema, input)) expect(line).toMatch(/^.+$/);
        },
      ),
    );
  });
});
