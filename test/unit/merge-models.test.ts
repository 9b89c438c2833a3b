import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { ModelEntry } from '../../src/config/lists/listing.ts';
import { mergeModels } from '../../src/config/lists/merge.ts';

const PRESENT = `# what we call
providers:
  one: { base_url: https://one.test/v1 } # ours

models:
  # priced by hand
  own: { provider: one, id: vendor/own, price: { input: 9, output: 9 } }
  imported: # from a list
    provider: one
    id: vendor/imported # pinned
    price: { input: 1,  output: 1 }   # per million
    price_source: openrouter@2026-01-01
    tier: small

  bare: { provider: one, id: "vendor/bare" }

# and the tasks
tasks:
  a: { models: [ own,bare ] }
`;

function model(id: string, input = 2): ModelEntry {
  return {
    provider: 'one',
    id: `vendor/${id}`,
    price: { input, output: 4 },
    price_source: 'openrouter@2026-11-22',
    context: 8_000,
  };
}

describe('models that are put into a configuration', () => {
  it('change the lines that are about them, and no others', () => {
    const { text, changes } = mergeModels(PRESENT, 'sluice.yaml', [
      model('own'),
      model('imported'),
      model('bare'),
      model('new'),
    ]);
    expect(changes).toEqual([
      'own: kept your own price; take it out to have it imported',
      'imported: price {input:1,output:1} -> {input:2,output:4}, context not said -> 8000',
      'bare: price not said -> {input:2,output:4}, context not said -> 8000',
      'vendor/new: added',
    ]);
    expect(text).toBe(
      PRESENT.replace('{ input: 1,  output: 1 }', '{ input: 2, output: 4 }')
        .replace('openrouter@2026-01-01', 'openrouter@2026-11-22')
        .replace('tier: small\n', 'tier: small\n    context: 8000\n')
        .replace(
          'id: "vendor/bare" }\n',
          `id: "vendor/bare", price: { input: 2, output: 4 }, price_source: openrouter@2026-11-22, context: 8000 }
  vendor/new:
    provider: one
    id: vendor/new
    price: { input: 2, output: 4 }
    price_source: openrouter@2026-11-22
    context: 8000
`,
        ),
    );
  });

  it('change nothing the second time', () => {
    const models = [model('imported'), model('new')];
    const once = mergeModels(PRESENT, 'sluice.yaml', models).text;
    const twice = mergeModels(once, 'sluice.yaml', models);
    expect(twice).toEqual({
      text: once,
      changes: ['imported: nothing has changed', 'vendor/new: nothing has changed'],
    });
  });

  it.each([
    ['no text', ''],
    ['no models', 'providers: {}\n'],
    ['models that are empty', 'models:\ntasks: {}\n'],
    ['an empty map', 'models: {}\n'],
    ['JSON', '{"models":{"a":{"provider":"one","id":"a"}}}'],
    ['an anchor', 'models:\n  a: &a { provider: one, id: a }\n  b: *a\n'],
    ['no line break at the end', 'models:\n  a: { provider: one, id: a }'],
    ['an indent of four', 'models:\n    a:\n        provider: one\n        id: a\n'],
    ['a text of several lines', 'models:\n  a:\n    provider: one\n    id: >-\n      a\n'],
  ])('%s may be what there is', (_, text) => {
    const merged = mergeModels(text, 'x', [model('new')]).text;
    const before = (parse(text) ?? {}) as { models?: object | null };
    expect(parse(merged)).toEqual({ ...before, models: { ...before.models, 'vendor/new': model('new') } });
  });

  it('that are listed twice are there once, as they were listed last', () => {
    const merged = parse(mergeModels(PRESENT, 'x', [model('new', 2), model('new', 3)]).text) as { models: object };
    expect(merged.models).toMatchObject({ 'vendor/new': { price: { input: 3, output: 4 } } });
    expect(Object.keys(merged.models)).toHaveLength(4);
  });

  it('get another name where theirs is taken, or is none', () => {
    const taken = 'models:\n  vendor/new: { provider: two, id: x }\n';
    expect(mergeModels(taken, 'x', [model('new')]).changes).toEqual(['one/vendor/new: added']);
    const odd = { ...model('x'), id: '~acme/latest of all' };
    expect(mergeModels('', 'x', [odd]).changes).toEqual(['acme/latest-of-all: added']);
  });

  it.each(['[]', 'models: []\n', 'just text'])('%j is no configuration', (text) => {
    expect(() => mergeModels(text, 'x.yaml', [model('new')])).toThrow(/^x\.yaml(: models)?: expected a map of names/);
  });
});
