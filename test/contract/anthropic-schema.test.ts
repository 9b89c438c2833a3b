import { describe, expect, test } from 'vitest';
import { toClosedSchema } from '../../src/providers/anthropic/schema.ts';

const text = { type: 'string' };

/** An object with one property, and what its property becomes. */
const holding = (property: unknown): Record<string, unknown> => ({ type: 'object', properties: { a: property } });
const held = (property: unknown): object => ({ ...holding(property), additionalProperties: false });

describe('a schema', () => {
  test.each<[string, unknown, unknown]>([
    ['a text', text, text],
    ['an inner object', holding(text), held(text)],
    [
      'an object by its properties alone',
      { properties: { b: text } },
      { type: 'object', properties: { b: text }, additionalProperties: false },
    ],
    [
      'an object that is closed and empty',
      { type: 'object', additionalProperties: false },
      { type: 'object', properties: {}, additionalProperties: false },
    ],
    [
      'a list of objects',
      { type: 'array', items: holding(text), minItems: 1 },
      { type: 'array', items: held(text), minItems: 1 },
    ],
    [
      'a value that may be null',
      { type: ['string', 'null'], title: 'A' },
      { anyOf: [text, { type: 'null' }], title: 'A' },
    ],
    ['one of several', { oneOf: [text, holding(text)] }, { anyOf: [text, held(text)] }],
    ['all of one', { allOf: [text] }, { anyOf: [text] }],
    ['one of some words', { type: 'string', enum: ['a', 'b'] }, { enum: ['a', 'b'] }],
    ['a constant', { const: 5 }, { const: 5 }],
    ['a format', { type: 'string', format: 'date' }, { type: 'string', format: 'date' }],
  ])('with %s is closed', (_name, property, closed) => {
    expect(toClosedSchema(holding(property))).toEqual(held(closed));
  });

  test.each<[string, Record<string, unknown>, string]>([
    ['bounds', { type: 'integer', minimum: 1, maximum: 9 }, '{"minimum":1,"maximum":9}'],
    ['a length', { type: 'string', maxLength: 5, description: 'A name.' }, 'A name.\n{"maxLength":5}'],
    ['an unknown format', { type: 'string', format: 'iban' }, '{"format":"iban"}'],
    ['a number of items', { type: 'array', items: text, minItems: 2 }, '{"minItems":2}'],
    ['a default', { anyOf: [text], default: 'x' }, '{"default":"x"}'],
  ])('has %s, which cannot be held to, told in words', (_name, property, description) => {
    const closed = toClosedSchema(holding(property)) as { properties: { a: object } };
    expect(closed.properties.a).toHaveProperty('description', description);
    for (const keyword of Object.keys(JSON.parse(description.split('\n').at(-1) ?? '') as object)) {
      expect(closed.properties.a).not.toHaveProperty(keyword);
    }
  });

  test('keeps its definitions, closed as well', () => {
    const definitions = { Place: holding(text) };
    expect(toClosedSchema({ ...holding({ $ref: '#/$defs/Place' }), $defs: definitions, $schema: 'x' })).toEqual({
      $defs: { Place: held(text) },
      ...held({ $ref: '#/$defs/Place' }),
    });
  });

  test.each<[string, Record<string, unknown>]>([
    ['a free object', holding({ type: 'object' })],
    ['an object of free names', holding({ type: 'object', additionalProperties: text })],
    ['an object that is open', { ...holding(text), additionalProperties: true }],
    ['names by a pattern', { ...holding(text), patternProperties: { '^x': text } }],
    ['any value', holding({})],
    ['any value at all', holding(true)],
    ['any items', holding({ type: 'array' })],
    ['items in places', holding({ type: 'array', items: text, prefixItems: [text] })],
    ['all of several', holding({ allOf: [holding(text), holding(text)] })],
    ['one of several besides its own', { ...holding(text), anyOf: [holding(text)] }],
    ['lists to choose from', holding({ enum: [['a']] })],
    ['a reference to elsewhere', holding({ $ref: 'https://example.com/schema' })],
    ['itself', holding({ $ref: '#' })],
    ['a definition within itself', { ...holding({ $ref: '#/$defs/T' }), $defs: { T: holding({ $ref: '#/$defs/T' }) } }],
  ])('with %s cannot be closed', (_name, schema) => {
    expect(toClosedSchema(schema)).toBeUndefined();
  });

  test('of many definitions that share others is measured in no time', () => {
    const names = Array.from({ length: 60 }, (_, index) => `D${index}`);
    const $defs = Object.fromEntries(
      names.map((name, index) => [
        name,
        { anyOf: [text, ...names.slice(index + 1).map((next) => ({ $ref: `#/$defs/${next}` }))] },
      ]),
    );
    expect(toClosedSchema({ ...holding({ $ref: '#/$defs/D0' }), $defs })).toBeDefined();
  });
});
