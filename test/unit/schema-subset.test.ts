import { describe, expect, test } from 'vitest';
import { satisfiesSchema } from '../../src/domain/schema-check.ts';
import { checkablePart } from '../../src/domain/schema-subset.ts';
import { createSteps } from '../../src/domain/steps.ts';

const takes = (schema: object, value: unknown): boolean => {
  const part = checkablePart(schema, createSteps());
  return part === undefined || satisfiesSchema(part, value);
};

describe('the part of a schema that can be checked', () => {
  test('is all of it where every keyword is known', () => {
    const schema = { type: 'object', properties: { a: { oneOf: [{ const: 1 }, { const: 2 }] } }, required: ['a'] };
    expect(checkablePart(schema, createSteps())).toEqual(schema);
  });

  test('leaves out a keyword that is not known, and keeps those beside it', () => {
    const schema = { type: 'object', properties: { a: { type: 'string', pattern: '^x' } }, if: {}, required: ['a'] };
    expect(takes(schema, { a: 'y' })).toBe(true);
    expect(takes(schema, { a: 1 })).toBe(false);
    expect(takes(schema, {})).toBe(false);
  });

  test.each([
    [
      'additionalProperties beside patternProperties',
      { patternProperties: { '^x': {} }, additionalProperties: false },
      { x1: 1 },
    ],
    ['contains beside minContains', { contains: { const: 1 }, minContains: 0 }, []],
    ['not with something unknown in it', { not: { pattern: 'x' } }, 'y'],
    ['oneOf with something unknown in it', { oneOf: [{ pattern: '^x' }, { pattern: '^y' }] }, 'x'],
    ['not of a reference to something unknown', { not: { $ref: '#/$defs/a' }, $defs: { a: { pattern: 'x' } } }, 'y'],
    ['a nullable type', { type: 'string', nullable: true }, null],
    ['items in the form of a list', { items: [{ type: 'string' }], additionalItems: false }, ['a']],
    ['bounds in the form of draft 4', { minimum: 1, exclusiveMinimum: true }, 2],
    ['a reference to elsewhere', { properties: { a: { $ref: '#/properties/b' } } }, { a: 1 }],
    ['a reference to another document', { $ref: 'https://example.com/city.json' }, 1],
  ])('is never stronger than the whole: %s', (_, schema, value) => {
    expect(takes(schema, value)).toBe(true);
  });

  test('of a schema with a reference that leads nowhere is the rest', () => {
    const schema = { type: 'object', properties: { a: { $ref: '#/properties/b' }, b: { type: 'number' } } };
    expect(takes(schema, { a: 'x', b: 1 })).toBe(true);
    expect(takes(schema, { a: 'x', b: 'y' })).toBe(false);
  });

  test('ends also for a schema of ten thousand levels', () => {
    let deep: object = { pattern: 'x' };
    for (let level = 0; level < 10_000; level += 1) deep = { not: {}, properties: { a: deep } };
    expect(() => takes({ allOf: [deep] }, { b: 1 })).not.toThrow();
  });
});
