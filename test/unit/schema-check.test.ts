import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { JsonSchemaObject } from '../../src/domain/json-schema.ts';
import { compileSchema, satisfiesSchema } from '../../src/domain/schema-check.ts';
import { createSteps } from '../../src/domain/steps.ts';

const many = <Value>(length: number, make: (index: number) => Value): Value[] =>
  Array.from({ length }, (_, index) => make(index));

/** What it takes to check a value, and what is found; `unclear` when the steps do not suffice. */
function costOf(schema: JsonSchemaObject, value: unknown): { spent: number; found: boolean | 'unclear' } {
  const steps = createSteps();
  const { left } = steps;
  let found: boolean | 'unclear' = 'unclear';
  try {
    found = compileSchema(schema, steps)(value);
  } catch (error) {
    expect(error).toBeInstanceOf(RangeError);
  }
  return { spent: left - steps.left, found };
}

describe('the options of an enum', () => {
  test('are brought into their form once, however many values are held against them', () => {
    const options = many(1_000, (index) => `option ${index}`);
    const value = many(8_000, () => 'option 999');
    const { spent, found } = costOf({ items: { enum: options } }, value);
    expect(found).toBe(true);
    expect(spent).toBeLessThan(3 * (options.length + value.length));
    expect(costOf({ items: { enum: options } }, [...value, 'option 1000']).found).toBe(false);
  });

  test('count, as what is held against them does', () => {
    const options = many(1_000, (index) => [index]);
    expect(costOf({ enum: options }, 'x').spent).toBeGreaterThan(1_000);
    expect(costOf({ const: 1 }, many(1_000, String)).spent).toBeGreaterThan(1_000);
  });

  test('may be written in any way, and a text is not what it says', () => {
    const option = fc.oneof(fc.json(), fc.string()).map((text): [unknown, unknown] => {
      return [parseOr(text), parseOr(text)];
    });
    fc.assert(
      fc.property(fc.array(option, { minLength: 1, maxLength: 5 }), option, (options, [value, same]) => {
        const list = options.map(([each]) => each) as NonNullable<JsonSchemaObject['enum']>;
        const isOne = options.some(([, each]) => isSame(each, same));
        expect(satisfiesSchema({ enum: list }, value)).toBe(isOne);
        expect(satisfiesSchema({ enum: [...list, reversed(value)] as typeof list }, value)).toBe(true);
      }),
    );
    expect(satisfiesSchema({ enum: ['{"a":1}', '1', 'null'] }, { a: 1 })).toBe(false);
    expect(satisfiesSchema({ enum: ['{"a":1}', '1', 'null'] }, 1)).toBe(false);
  });
});

function parseOr(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function isSame(a: unknown, b: unknown): boolean {
  return JSON.stringify(sorted(a)) === JSON.stringify(sorted(b));
}

/** As a list of fields in order, told apart from a list. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return ['list', ...value.map(sorted)];
  if (typeof value !== 'object' || value === null) return value;
  const fields = Object.entries(value).map(([name, part]) => [name, sorted(part)]);
  return ['object', ...fields.toSorted(([a], [b]) => (String(a) < String(b) ? -1 : 1))];
}

/** The same with the fields of its objects in the other order. */
function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .map(([name, part]) => [name, reversed(part)])
      .toReversed(),
  );
}

describe('a check', () => {
  const big = Object.fromEntries(many(20_000, (index) => [`name ${index}`, index]));
  const any = (count: number, schema: JsonSchemaObject): JsonSchemaObject => ({ anyOf: many(count, () => schema) });

  const wide = Object.fromEntries(many(1_000, (index) => [index, 0]));
  test.each<[string, JsonSchemaObject, unknown]>([
    ['a long text and many lengths', any(1_000, { minLength: 10_000_000 }), 'x'.repeat(1_000_000)],
    ['many names that are required of many', { items: { required: many(1_000, String) } }, many(9_000, () => wide)],
    ['a long list of different things', { uniqueItems: true }, many(300_000, String)],
    [
      'references that double',
      {
        $ref: '#/$defs/a',
        $defs: {
          a: { allOf: [{ $ref: '#/$defs/b' }, { $ref: '#/$defs/b' }] },
          b: any(300, any(300, any(300, { type: 'null' }))),
        },
      },
      1,
    ],
  ])('of %s ends when its steps are spent', (_, schema, value) => {
    const { spent, found } = costOf(schema, value);
    expect(found).toBe('unclear');
    expect(spent).toBeLessThan(1.5 * createSteps().left);
  });

  test('works out once what many parts of a schema ask of one value', () => {
    const [few, often] = [any(1, { const: { a: 1 } }), any(1_000, { const: { a: 1 } })].map((each) =>
      costOf(each, big),
    );
    expect(often).toMatchObject({ found: false });
    expect(often?.spent).toBeLessThan((few?.spent ?? 0) + 10_000);
    const { spent, found } = costOf(any(1_000, { maxProperties: 1 }), big);
    expect(found).toBe(false);
    expect(spent).toBeLessThan(10_000);
  });

  test('of an honest answer, however long, is far from the bound', () => {
    const names = many(10, (index) => `field${index}`);
    const properties = Object.fromEntries(names.map((name) => [name, { type: 'integer' as const }]));
    const row = Object.fromEntries(names.map((name, index) => [name, index]));
    const schema = { items: { type: 'object' as const, properties, required: names, additionalProperties: false } };
    expect(
      costOf(
        schema,
        many(10_000, () => ({ ...row })),
      ),
    ).toMatchObject({ found: true });
  });
});
