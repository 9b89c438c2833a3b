import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadConfig, parseConfig, parseOwnConfig } from '../../src/config/config-file.ts';
import {
  createLock,
  formatLock,
  keepDates,
  type Lock,
  lockDifferences,
  lockFileOf,
} from '../../src/config/lock-file.ts';
import { warningsOf } from '../../src/config/model-warnings.ts';
import { openPriceCatalogue, type PriceCatalogue } from '../../src/config/price-catalogue.ts';
import { priceWarnings, withKnownPrices } from '../../src/config/prices.ts';
import type { Config, ModelConfig } from '../../src/domain/config.ts';
import { InputError } from '../../src/domain/errors.ts';
import { createRouter } from '../../src/router/index.ts';

const TEXT = `providers:
  direct: { base_url: https://api.openai.com/v1, api_key: k-1234567 }
  own: { base_url: http://127.0.0.1:8000/v1, allow_private: true }
models:
  bare: { provider: direct, id: gpt-5-mini }
  priced: { provider: direct, id: gpt-4, price: { input: 1, output: 2 } }
  complete: { provider: direct, id: gpt-4, price: { input: 1, output: 2 }, context: 5000 }
  nobody: { provider: direct, id: gpt-of-tomorrow }
  local: { provider: own, id: gpt-5-mini }
`;

const TODAY = '2026-11-22';
const ownConfig = (text = TEXT): Config => parseOwnConfig(text, 'sluice.yaml', {});
const unopened = (): never => {
  throw new Error('opened, and nobody needed it');
};

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-prices-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function write(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

/** What can be said of a model's price and context, and by whom. */
function factsOf({ models }: Config, alias: string): Pick<ModelConfig, 'price' | 'price_source' | 'context'> {
  const { price, price_source, context } = models[alias] as ModelConfig;
  return { price, price_source, context };
}

function withCapabilities(capabilities: string): Config {
  const text = `providers:
  direct: { base_url: https://api.openai.com/v1, api_key: k-1234567 }
models:
  vectors: { provider: direct, id: text-embedding-3-small${capabilities} }
`;
  return parseConfig(text, 'sluice.yaml', {});
}

describe('a model that embeds', () => {
  it('has the price of its prompts, and answers cost nothing', () => {
    const config = withCapabilities(', capabilities: [embeddings]');
    expect(factsOf(config, 'vectors')).toMatchObject({ price: { input: 0.02, output: 0 } });
    expect(priceWarnings(config)).toEqual([]);
  });

  it('has none as long as nobody says that it does, and what to do is told', () => {
    const config = withCapabilities('');
    const { vectors } = config.models;
    const { direct } = config.providers;
    if (!vectors || !direct) throw new Error('not in the configuration');
    expect(vectors.price).toBeUndefined();
    expect(warningsOf(vectors, direct, openPriceCatalogue())).toEqual([
      {
        kind: 'unpriced',
        message: 'no price: it charges for prompts alone; if it embeds, give it capabilities: [embeddings]',
      },
    ]);
  });
});

describe('a configuration that is read', () => {
  const config = parseConfig(TEXT, 'sluice.yaml', {});
  const { source } = openPriceCatalogue();

  it('has the catalogue say the price and the context that it does not say itself', () => {
    expect(factsOf(config, 'bare')).toMatchObject({ price: { input: 0.25, output: 2 }, price_source: source });
    expect(factsOf(config, 'bare').context).toBe(400_000);
    expect(factsOf(config, 'priced')).toEqual({ price: { input: 1, output: 2 }, context: 8_192 });
    expect(factsOf(config, 'complete')).toEqual({ price: { input: 1, output: 2 }, context: 5_000 });
  });

  it('leaves a model without a price that nobody knows, or that is of a server of its own', () => {
    expect(factsOf(config, 'nobody')).toEqual({});
    expect(factsOf(config, 'local')).toEqual({});
    expect(priceWarnings(config)).toEqual([
      expect.stringMatching(/^model nobody \(gpt-of-tomorrow of direct\): nobody knows its price, so no job is sent/),
      expect.stringMatching(/^model local \(gpt-5-mini of own\): /),
    ]);
    const allowing = { ...config, routing: { ...config.routing, allow_unpriced: true } };
    expect(priceWarnings(allowing)[0]).toMatch(/so its calls count as free/);
  });

  it('hands the sources on to the router', () => {
    const { byAlias } = createRouter(config).catalog;
    expect(byAlias.get('bare')?.priceSource).toBe(source);
    expect(byAlias.get('priced')?.priceSource).toBe('config');
    expect(byAlias.get('nobody')?.priceSource).toBe('unknown');
  });

  it('opens the catalogue only when it lacks something that a catalogue may know', () => {
    const complete =
      'models:\n  complete: { provider: direct, id: x, price: { input: 1, output: 2 }, context: 5000 }\n';
    const local = 'models:\n  local: { provider: own, id: x }\n';
    for (const models of [complete, local]) {
      const text = TEXT.slice(0, TEXT.indexOf('models:')) + models;
      withKnownPrices(ownConfig(text), { lock: () => undefined, catalogue: unopened });
    }
    expect(() => withKnownPrices(ownConfig(), { lock: () => undefined, catalogue: unopened })).toThrow(
      'opened, and nobody needed it',
    );
  });

  it('reads no lock file when it lacks nothing', () => {
    const text = TEXT.replaceAll(/^ {2}(bare|priced|nobody|local):.*\n/gm, '');
    expect(withKnownPrices(ownConfig(text), { lock: unopened, catalogue: unopened }).models).toHaveProperty('complete');
  });
});

describe('a lock file', () => {
  const lock = createLock(ownConfig(), openPriceCatalogue, TODAY);

  it('keeps the price, the context and their source of every model', () => {
    const { source } = openPriceCatalogue();
    expect(lock.models['bare']).toMatchObject({ provider: 'direct', id: 'gpt-5-mini', source, date: TODAY });
    expect(lock.models['priced']).toMatchObject({ price: { input: 1, output: 2 }, source: 'config' });
    expect(lock.models['nobody']).toEqual({
      provider: 'direct',
      id: 'gpt-of-tomorrow',
      source: 'unknown',
      date: TODAY,
    });
  });

  it('beside the configuration stands above the catalogue, and below what the configuration says itself', () => {
    const path = write('sluice.yaml', TEXT);
    const locked = structuredClone(lock);
    const { bare, priced } = locked.models;
    if (bare?.price) bare.price = { input: 7, output: 8 };
    if (priced?.price) priced.price = { input: 9, output: 9 };
    write('sluice.lock.yaml', formatLock(locked));
    const config = loadConfig(path, {});
    const price_source = `lock(${openPriceCatalogue().source})`;
    expect(factsOf(config, 'bare')).toEqual({ price: { input: 7, output: 8 }, price_source, context: 400_000 });
    expect(factsOf(config, 'priced').price).toEqual({ input: 1, output: 2 });
  });

  it('makes a newer catalogue change nothing until it is locked anew, and tells what that would change', () => {
    const dearer: PriceCatalogue = {
      ...openPriceCatalogue(),
      source: 'genai-prices@9.9.9',
      find: (_, id) => ({
        provider: 'openai',
        id,
        name: id,
        price: { input: 100, output: 100 },
        context: 7,
        deprecated: false,
        datedIds: [],
      }),
    };
    const config = withKnownPrices(ownConfig(), { lock: () => lock, catalogue: () => dearer });
    expect(factsOf(config, 'bare').price).toMatchObject({ input: 0.25, output: 2 });
    expect(
      lockDifferences(
        lock,
        createLock(ownConfig(), () => dearer, TODAY),
      ),
    ).toEqual([
      'bare: price.input 0.25 -> 100',
      'bare: price.output 2 -> 100',
      'bare: price.cached_input 0.025 -> not said',
      'bare: context 400000 -> 7',
      'nobody: price.input not said -> 100',
      'nobody: price.output not said -> 100',
      'nobody: context not said -> 7',
      'priced: context 8192 -> 7',
    ]);
  });

  it('says nothing of a model that has another id by now', () => {
    const changed = ownConfig(TEXT.replace('id: gpt-5-mini }\n  priced', 'id: gpt-5-nano }\n  priced'));
    const config = withKnownPrices(changed, { lock: () => lock, catalogue: openPriceCatalogue });
    expect(factsOf(config, 'bare')).toMatchObject({
      price: { input: 0.05 },
      price_source: openPriceCatalogue().source,
    });
    expect(lockDifferences(lock, createLock(changed, openPriceCatalogue, TODAY))).toContain(
      'bare: id gpt-5-mini -> gpt-5-nano',
    );
  });

  it('tells of models that came and went', () => {
    const renamed = createLock(ownConfig(TEXT.replace('  local:', '  localhost:')), openPriceCatalogue, TODAY);
    expect(lockDifferences(lock, renamed)).toEqual([
      'local: not in the configuration any more',
      'localhost: not in the lock file',
    ]);
  });

  it('that is written again keeps the date of what has not changed', () => {
    const later = createLock(ownConfig(TEXT.replace('input: 1', 'input: 2')), openPriceCatalogue, '2027-01-01');
    const { models } = keepDates(lock, later);
    expect(models['bare']?.date).toBe(TODAY);
    expect(models['priced']?.date).toBe('2027-01-01');
    expect(keepDates(undefined, later)).toEqual(later);
  });

  it('is read as it was written', () => {
    const path = write('prod.yaml', TEXT);
    write('prod.lock.yaml', formatLock(lock));
    expect(lockFileOf(path)).toBe(join(folder, 'prod.lock.yaml'));
    expect(factsOf(loadConfig(path, {}), 'bare').price_source).toMatch(/^lock\(/);
  });

  it.each<[string, string, RegExp]>([
    ['of another version', 'version: 2\nmodels: {}\n', /sluice\.lock\.yaml:1: version: expected 1, got 2/],
    [
      'with a price that is none',
      formatLock({ ...lock, models: { bare: { ...locked(lock), price: { input: -1, output: 2 } } } }),
      /sluice\.lock\.yaml:8: models\.bare\.price\.input: must be at least 0, got -1/,
    ],
    ['that is not YAML', 'models: [\n', /sluice\.lock\.yaml:2:1: /],
  ])('%s is refused in one line', (_, text, message) => {
    const path = write('sluice.yaml', TEXT);
    write('sluice.lock.yaml', text);
    expect(() => loadConfig(path, {})).toThrow(InputError);
    expect(() => loadConfig(path, {})).toThrow(message);
  });
});

function locked({ models }: Lock): Lock['models'][string] {
  return models['bare'] as Lock['models'][string];
}

function warningsFor(line: string): string[] {
  const { models, providers } = parseConfig(
    `providers:
  direct: { base_url: https://api.openai.com/v1 }
  openrouter: { kind: openrouter }
  mistral: { base_url: https://api.mistral.ai/v1 }
models:
  m: { ${line} }
`,
    'sluice.yaml',
    {},
  );
  const model = models['m'] as ModelConfig;
  const provider = providers[model.provider];
  return provider ? warningsOf(model, provider, openPriceCatalogue()).map(({ message }) => message) : [];
}

describe('what a person should know of a model', () => {
  it.each([
    ['provider: direct, id: gpt-4', ['gpt-4 may come to mean another model; gpt-4-0613 does not']],
    ['provider: direct, id: gpt-4-0613', []],
    ['provider: openrouter, id: openai/gpt-5-mini', []],
    [
      'provider: openrouter, id: openrouter/auto, price: { input: 1, output: 1 }',
      ['openrouter/auto is another model, at another price, from time to time'],
    ],
    [
      'provider: openrouter, id: openrouter/auto',
      ['nobody knows its price', 'openrouter/auto is another model, at another price, from time to time'],
    ],
    [
      'provider: openrouter, id: "~anthropic/claude-opus-latest"',
      ['~anthropic/claude-opus-latest is another model, at another price, from time to time'],
    ],
    ['provider: mistral, id: mistral-tiny', [expect.stringMatching(/^genai-prices@.* lists it as deprecated$/)]],
    [
      'provider: mistral, id: mistral-ocr-2505',
      expect.arrayContaining(['no price: it does not charge by the tokens of prompt and answer']),
    ],
  ])('%s', (line, warnings) => {
    expect(warningsFor(line)).toEqual(warnings);
  });
});
