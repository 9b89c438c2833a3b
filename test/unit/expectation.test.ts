import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Expectation, scoreAnswer } from '../../src/domain/expectation.ts';
import { check, formatProblem } from '../../src/domain/issues.ts';

const score = (expectation: unknown, answer: string): number => scoreAnswer(Expectation.parse(expectation), answer);

describe('a text', () => {
  test.each<[unknown, string, number]>([
    [{ equals: 'Paris' }, ' paris\n', 1],
    [{ equals: 'Paris' }, 'Paris.', 0],
    [{ equals: '' }, '  ', 1],
    [{ one_of: ['yes', 'no'] }, 'NO', 1],
    [{ one_of: ['yes', 'no'] }, 'maybe', 0],
    [{ contains: 'Oslo' }, 'The capital is OSLO.', 1],
    [{ contains: 'Oslo' }, 'Bergen', 0],
  ])('%j on %j is %i', (expectation, answer, points) => {
    expect(score(expectation, answer)).toBe(points);
  });
});

describe('the last number of an answer', () => {
  test.each<[number, string]>([
    [42, '42'],
    [42, 'The answer is **42**.'],
    [42, 'First 7, then 42'],
    [1234.5, 'It costs $1,234.50.'],
    [1_234_567, '1,234,567 people'],
    [2_345, 'a list: 1, 2345'],
    [-7, 'x = -7'],
    [-7, 'x = \u22127'],
    [-7, '(-7)'],
    [5, 'between 3-5'],
    [3, '10 minus 7 is 10-7=3'],
    [22, '2026-11-22'],
    [4, 'GPT-4'],
    [0.5, 'about .5'],
    [-0.5, 'about -.5'],
    [6.02e23, '6.02e23'],
    [1e-3, '1E-3'],
    [0, '0'],
    [50, '50%'],
    [3, 'step 2: v1.2 has 3'],
  ])('%d is read from %j', (number, answer) => {
    expect(score({ number }, answer)).toBe(1);
    expect(score({ number: number * 2 + 1 }, answer)).toBe(0);
  });

  test.each(['', 'none', 'four', '-', '1e999', 'Infinity', 'NaN'])('%j has none that fits', (answer) => {
    expect(score({ number: 1 }, answer)).toBe(0);
  });

  test('may be off by the tolerance and not by more', () => {
    expect(score({ number: 3.14, tolerance: 0.01 }, '3.145')).toBe(1);
    expect(score({ number: 3.14, tolerance: 0.01 }, '3.16')).toBe(0);
    expect(score({ number: 0.3 }, String(0.1 + 0.2))).toBe(1);
    expect(score({ number: 5, tolerance: 0 }, '5')).toBe(1);
  });

  test('is found whatever is written in front of it', () => {
    fc.assert(
      fc.property(fc.string(), fc.integer({ min: -1e9, max: 1e9 }), (before, number) => {
        expect(score({ number }, `${before} ${number}`)).toBe(1);
        expect(score({ number }, `${before} ${number.toLocaleString('en-US')}`)).toBe(1);
      }),
    );
  });
});

describe('JSON', () => {
  const person = {
    type: 'object',
    required: ['name', 'age'],
    properties: { name: { type: 'string', minLength: 1 }, age: { type: 'integer', minimum: 0 } },
    additionalProperties: false,
  };

  test.each<[string, number]>([
    ['{"name":"Ada","age":36}', 1],
    ['\n {"name":"Ada","age":36.0} \n', 1],
    ['```json\n{"name":"Ada","age":36}\n```', 1],
    ['```\n{"name":"Ada","age":36}\n```\n', 1],
    ['```JSON\r\n{"name":"Ada","age":36}```', 1],
    ['{"name":"Ada"}', 0],
    ['{"name":"Ada","age":36,"x":1}', 0],
    ['{"name":"","age":36}', 0],
    ['{"name":"Ada","age":-1}', 0],
    ['{"name":"Ada","age":36', 0],
    ['Here it is: {"name":"Ada","age":36}', 0],
    ['``````', 0],
    ['```json', 0],
    ['', 0],
  ])('%j scores %i', (answer, points) => {
    expect(score({ json: person }, answer)).toBe(points);
  });

  const cases: [object, unknown[], unknown[]][] = [
    [{}, [1, null, {}], []],
    [{ type: 'integer' }, [1, -0, 1e20], [1.5, '1', null]],
    [{ type: ['string', 'null'] }, ['a', null], [1, {}]],
    [{ type: 'object' }, [{}], [[], null]],
    [{ required: ['a'] }, [{ a: 1 }, 5], [{}, { b: 1 }]],
    [{ required: ['toString'] }, [{ toString: 1 }], [{}]],
    [{ properties: { a: { type: 'string' } } }, [{ a: 'x' }, { b: 1 }, 'x'], [{ a: 1 }]],
    [{ properties: { a: true, b: false } }, [{ a: 1 }], [{ b: 1 }]],
    [{ additionalProperties: { type: 'number' } }, [{ a: 1 }], [{ a: 'x' }]],
    [{ minimum: 1, maximum: 3 }, [1, 3, 'x'], [0.9, 3.1]],
    [{ exclusiveMinimum: 1, exclusiveMaximum: 3 }, [2], [1, 3]],
    [{ multipleOf: 0.1 }, [0.3, 1], [0.35]],
    [{ minLength: 2, maxLength: 2 }, ['ab', '😀😀', 5], ['a', 'abc', '😀']],
    [{ items: { type: 'number' } }, [[], [1]], [['x'], [1, 'x']]],
    [{ prefixItems: [{ type: 'string' }], items: { type: 'number' } }, [['a', 1], [], ['a']], [[1], ['a', 'b']]],
    [{ minItems: 1, maxItems: 2 }, [[1]], [[], [1, 2, 3]]],
    [
      { uniqueItems: true },
      [
        [1, 2],
        [{ a: 1 }, { a: 2 }],
      ],
      [
        [1, 1],
        [
          { a: 1, b: 2 },
          { b: 2, a: 1 },
        ],
      ],
    ],
    [{ contains: { const: 1 } }, [[2, 1]], [[2], []]],
    [{ minProperties: 1, maxProperties: 1 }, [{ a: 1 }], [{}, { a: 1, b: 2 }]],
    [{ const: { a: [1] } }, [{ a: [1] }], [{ a: [2] }, {}]],
    [{ const: null }, [null], [0, '']],
    [{ enum: ['a', 1, null] }, ['a', 1, null], ['b', 2, false]],
    [{ allOf: [{ minimum: 1 }, { maximum: 2 }] }, [1.5], [0, 3]],
    [{ anyOf: [{ type: 'string' }, { minimum: 5 }], maximum: 9 }, ['a', 7], [1, 10]],
    [{ oneOf: [{ type: 'number' }, { type: 'integer' }] }, [1.5], [1, 'x']],
    [{ not: { type: 'string' } }, [1], ['a']],
    [{ $ref: '#/$defs/a', $defs: { a: { type: 'string' } } }, ['x'], [1]],
    [{ $ref: '#/definitions/a', minLength: 2, definitions: { a: { type: 'string' } } }, ['xy'], ['x', 1]],
    [{ type: 'object', properties: { child: { $ref: '#' } } }, [{ child: { child: {} } }], [{ child: { child: 1 } }]],
    [{ title: 't', description: 'd', format: 'email', type: 'string' }, ['no e-mail'], [1]],
  ];
  test.each(cases)('%j', (json, good, bad) => {
    for (const value of good) expect([value, score({ json }, JSON.stringify(value))]).toEqual([value, 1]);
    for (const value of bad) expect([value, score({ json }, JSON.stringify(value))]).toEqual([value, 0]);
  });

  test.each<[unknown, string]>([
    [{ $ref: '#/nowhere' }, 'json: $ref "#/nowhere" leads nowhere; # and #/$defs/NAME can be referred to'],
    [{ $ref: '#/$defs/a' }, 'json: $ref "#/$defs/a" leads nowhere; # and #/$defs/NAME can be referred to'],
    [
      { $ref: '#/$defs/constructor', $defs: {} },
      'json: $ref "#/$defs/constructor" leads nowhere; # and #/$defs/NAME can be referred to',
    ],
    [{ $ref: 'http://x/y' }, 'json: $ref "http://x/y" leads nowhere; # and #/$defs/NAME can be referred to'],
    [{ requird: ['a'] }, 'json: unknown field "requird" (did you mean "required"?)'],
    [{ items: { pattern: '(a+)+$' } }, 'json.items: unknown field "pattern"'],
    [{ patternProperties: {} }, 'json: unknown field "patternProperties"'],
    [{ if: {}, else: {} }, 'json: unknown field "if"; json: unknown field "else"'],
    [{ minLength: -1 }, 'json.minLength: must be at least 0, got -1'],
    [{ required: 'a' }, 'json.required: expected a list, got "a"'],
    [{ properties: { a: 5 } }, 'json.properties.a: expected true or false or an object, got 5'],
    [true, 'json: expected an object, got true'],
    [{ anyOf: [] }, 'json.anyOf: must not be empty, got a list of 0'],
  ])('a schema that cannot be checked is refused: %j', (json, problem) => {
    const checked = check(Expectation, { json });
    expect(checked.ok ? '' : checked.problems.map(formatProblem).join('; ')).toBe(problem);
  });
});

const runsAway = (expectation: unknown, answer: string): number => {
  const startedAt = performance.now();
  expect(score(expectation, answer)).toBe(0);
  return performance.now() - startedAt;
};

describe('an answer that is made to take time', () => {
  test('does not: endless fences, endless digits, deep nesting', () => {
    expect(runsAway({ json: { type: 'object' } }, `\`\`\`json${'\n'.repeat(500_000)}x`)).toBeLessThan(2_000);
    expect(runsAway({ json: { type: 'object' } }, '```\n'.repeat(200_000))).toBeLessThan(2_000);
    expect(runsAway({ number: 1 }, '-'.repeat(500_000))).toBeLessThan(2_000);
    expect(runsAway({ number: 1 }, '1,111'.repeat(100_000))).toBeLessThan(2_000);
    expect(runsAway({ number: 1 }, '9'.repeat(500_000))).toBeLessThan(2_000);
    expect(runsAway({ json: { $ref: '#' } }, '1')).toBeLessThan(2_000);
    const list = { items: { $ref: '#' }, type: 'array' };
    expect(runsAway({ json: list }, '['.repeat(100_000) + ']'.repeat(100_000))).toBeLessThan(2_000);
  });

  test('does not: references that double at every step', () => {
    const $defs: Record<string, unknown> = { d0: { type: 'number' } };
    for (let level = 1; level < 40; level += 1) {
      $defs[`d${level}`] = { anyOf: [{ $ref: `#/$defs/d${level - 1}` }, { $ref: `#/$defs/d${level - 1}` }] };
    }
    expect(runsAway({ json: { $ref: '#/$defs/d39', $defs } }, '"x"')).toBeLessThan(2_000);
  });
});
