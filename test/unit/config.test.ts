import { describe, expect, test } from 'vitest';
import { Config, unknownName } from '../../src/domain/config.ts';
import { check, formatProblem } from '../../src/domain/issues.ts';

const provider = { base_url: 'https://api.example.com/v1' };
const model = { provider: 'main', id: 'vendor/m-1', price: { input: 1, output: 2 } };
const minimal = { providers: { main: provider }, models: { small: model } };

function linesOf(config: unknown): string[] {
  const checked = check(Config, config);
  return checked.ok ? [] : checked.problems.map(formatProblem);
}

describe('a configuration that says the least', () => {
  test('gets every default', () => {
    expect(Config.parse(minimal)).toEqual({
      redis: { prefix: '{sluice}' },
      providers: {
        main: {
          kind: 'openai',
          base_url: 'https://api.example.com/v1',
          headers: {},
          allow_private: false,
          timeout: 120_000,
          max_response_bytes: 16_777_216,
          connections: 1_024,
          stream: false,
        },
      },
      models: {
        small: {
          ...model,
          max_output: 16_384,
          capabilities: [],
          tier: 'medium',
          scores: {},
          latency: { p50: 2_000, p95: 8_000 },
          weight: 1,
          omit: [],
        },
      },
      tasks: {},
      lanes: {
        interactive: { share: 0.25, max_wait: 1_000, max_outage: 10_000, goes_first: true },
        batch: { share: 0.75, max_wait: 60_000, max_outage: 600_000, goes_first: false },
      },
      routing: {
        strategy: 'hybrid',
        weights: { quality: 0.7, cost: 0.2, latency: 0.1 },
        max_attempts: 4,
        latency_percentile: 95,
        default_max_tokens: 1_024,
        allow_unpriced: false,
        confidence: 0.975,
        on_no_candidate: 'reject',
        balance: 'latency',
        exploration: 0,
        evidence_decay: 0.998,
        decisions: 'all',
      },
      circuit: { failures: 5, failure_share: 0.5, window: 30_000, cooldown: 10_000, longest_cooldown: 300_000 },
      budgets: {},
      limits: {},
      experiments: {},
      cache: { enabled: false, ttl: 86_400_000, any_temperature: false },
      workers: { concurrency: 50, lock: 30_000, grace: 10_000, max_deferrals: 1_000 },
      gateway: {
        host: '127.0.0.1',
        port: 4_000,
        timeout: 600_000,
        drain: 30_000,
        keep_answers: 3_600_000,
        body_limit_bytes: 16_777_216,
        most_waiting: 10_000,
        most_waiting_bytes: 268_435_456,
        limits: { per_key: {}, per_user: {} },
        files: {
          folder: '.sluice/files',
          in_redis_up_to_bytes: 262_144,
          most_bytes: 536_870_912,
          most_bytes_per_account: 4_294_967_296,
          most_bytes_in_redis: 268_435_456,
          keep: 2_592_000_000,
        },
        batches: { most_requests: 100_000 },
        webhooks: { allow_private: false },
      },
      telemetry: { enabled: false },
      results: { keep: 604_800_000 },
    });
  });
});

const withProvider = (fields: object): object => ({ ...minimal, providers: { main: { ...provider, ...fields } } });
const withModel = (fields: object): object => ({ ...minimal, models: { small: { ...model, ...fields } } });
const withBoth = (fields: object): object => ({ ...minimal, ...fields });
const variants = { a: {}, b: {} };
const NAME = 'use 1 to 128 letters, digits or . _ - : / @';

describe('a bad configuration', () => {
  test.each<[unknown, string]>([
    [null, 'expected an object, got null'],
    [withBoth({ provders: {} }), 'unknown field "provders" (did you mean "providers"?)'],
    [
      withBoth({ redis: { prefix: 'sluice' } }),
      'redis.prefix: a prefix is a word in braces, such as {sluice}, got "sluice"',
    ],
    [withBoth({ providers: [] }), 'providers: expected a map of names to values, got a list of 0'],
    [withBoth({ models: {} }), 'models: declare at least one model'],
    [withBoth({ lanes: {} }), 'lanes: declare at least one lane, or leave lanes out'],
    [JSON.parse('{"providers":{"__proto__":{}},"models":{}}'), 'providers: the name "__proto__" is not allowed'],
    // Names.
    [withBoth({ tasks: { 'a b': {} } }), `tasks: bad name: ${NAME}, got "a b"`],
    [withBoth({ lanes: { Batch: {} } }), 'lanes: bad name: use 1 to 32 lower-case letters, digits or -, got "Batch"'],
    [
      withBoth({ budgets: { 'batch:1': { limit_usd: 1 } } }),
      'budgets: bad name: no / in the name of a budget, and batch:, job: and key: are kept for batches, jobs and virtual keys',
    ],
    // Providers.
    [
      withProvider({ kind: 'opnai' }),
      'providers.main.kind: expected openai | azure | openrouter | litellm | portkey | helicone | anthropic | google, got "opnai"',
    ],
    [
      withProvider({ timeout: '1x' }),
      'providers.main.timeout: expected a duration such as 500ms, 60s, 5m, 24h or 7d, got "1x"',
    ],
    [withProvider({ timeout: 30 }), 'providers.main.timeout: expected a text, got 30'],
    [withProvider({ timeout: '0s' }), 'providers.main.timeout: must be from 1ms to 1d, got "0s"'],
    // Timers wrap around at 24.8 days and would end every call at once.
    [withProvider({ timeout: '30d' }), 'providers.main.timeout: must be from 1ms to 1d, got "30d"'],
    [
      withProvider({ headers: { 'a b': 'x' } }),
      'providers.main.headers: bad name: use 1 to 64 letters, digits or _ -, got "a b"',
    ],
    [withProvider({ headers: { Host: 'x' } }), 'providers.main.headers: bad name: set by Sluice itself'],
    [
      withProvider({ headers: { 'accept-encoding': 'gzip' } }),
      'providers.main.headers: bad name: set by Sluice itself',
    ],
    [withProvider({ headers: { a: 'x\r\ny: z' } }), 'providers.main.headers.a: printable ASCII characters only'],
    [withProvider({ max_response_bytes: 1 }), 'providers.main.max_response_bytes: must be at least 1024, got 1'],
    // Models.
    [withModel({ provider: 'mian' }), 'models.small.provider: unknown provider "mian"; known: main'],
    [withModel({ provider: 'constructor' }), 'models.small.provider: unknown provider "constructor"; known: main'],
    [withModel({ id: undefined }), 'models.small.id: missing'],
    [withModel({ price: { input: -1, output: 2 } }), 'models.small.price.input: must be at least 0, got -1'],
    [withModel({ price: { input: 1 } }), 'models.small.price.output: missing'],
    [withModel({ price: { input: '1', output: 2 } }), 'models.small.price.input: expected a number, got "1"'],
    [
      withModel({ scores: { default: 0.5, coding: 0.9 } }),
      'models.small.scores.coding: unknown task "coding"; no task is declared',
    ],
    [withModel({ scores: { default: 5 } }), 'models.small.scores.default: must be at most 1, got 5'],
    [withModel({ latency: { p50: '2s', p95: '1s' } }), 'models.small.latency.p95: must not be below p50'],
    [withModel({ tier: 'huge' }), 'models.small.tier: expected small | medium | large, got "huge"'],
    [
      withModel({ capabilities: ['tool'] }),
      'models.small.capabilities[0]: expected tools | json | vision | reasoning | embeddings, got "tool"',
    ],
    // References.
    [
      withBoth({ tasks: { t: { models: ['small', 'smal'] } } }),
      'tasks.t.models[1]: unknown model "smal"; known: small',
    ],
    [withBoth({ tasks: { t: { lane: 'bulk' } } }), 'tasks.t.lane: unknown lane "bulk"; known: batch, interactive'],
    [
      withBoth({ budgets: { b: { limit_usd: 1, task: 't' } } }),
      'budgets.b.task: unknown task "t"; no task is declared',
    ],
    [
      withBoth({ experiments: { e: { tasks: ['t'], variants } } }),
      'experiments.e.tasks[0]: unknown task "t"; no task is declared',
    ],
    [
      withBoth({ experiments: { e: { variants: { ...variants, a: { models: ['x'] } } } } }),
      'experiments.e.variants.a.models[0]: unknown model "x"; known: small',
    ],
    // Experiments, budgets, routing, workers.
    [
      withBoth({ experiments: { e: { variants: { a: {} } } } }),
      'experiments.e.variants: an experiment has at least two variants',
    ],
    [
      withBoth({ experiments: { e: { variants: { a: { weight: 0 }, b: { weight: 0 } } } } }),
      'experiments.e.variants: at least one variant has a weight above 0',
    ],
    [withBoth({ budgets: { b: { limit_usd: -1 } } }), 'budgets.b.limit_usd: must be at least 0, got -1'],
    [
      withBoth({ budgets: { b: { limit_usd: 1, window: 'year' } } }),
      'budgets.b.window: expected hour | day | week | month | total, got "year"',
    ],
    [withBoth({ routing: { latency_percentile: 99 } }), 'routing.latency_percentile: expected 50 | 95, got 99'],
    [withBoth({ workers: { concurrency: 0 } }), 'workers.concurrency: must be at least 1, got 0'],
    [withBoth({ workers: { lock: '25d' } }), 'workers.lock: must be from 100ms to 1d, got "25d"'],
    [withBoth({ cache: { ttl: '0s' } }), 'cache.ttl: must be from 1ms to 366d, got "0s"'],
  ])('%# is told with its path: %s', (config, line) => {
    expect(linesOf(config)).toEqual([line]);
  });

  test('is told everything at once, wrong names beside wrong values', () => {
    const config = {
      providers: { main: { base_url: 'ftp://x', api_key: '', timeout: '1x' } },
      models: { small: { ...model, provider: 'b', price: undefined }, big: { ...model, id: 7 } },
      tasks: { t: { models: ['none'], lane: 5 } },
      routing: { max_attempts: 0 },
      budget: {},
    };
    expect(linesOf(config).sort()).toEqual([
      'models.big.id: expected a text, got 7',
      'models.small.provider: unknown provider "b"; known: main',
      'providers.main.api_key: is empty; give the key, or leave api_key out when the provider needs none',
      'providers.main.base_url: only http and https, got ftp://',
      'providers.main.timeout: expected a duration such as 500ms, 60s, 5m, 24h or 7d, got "1x"',
      'routing.max_attempts: must be at least 1, got 0',
      'tasks.t.lane: expected a text, got 5',
      'tasks.t.models[0]: unknown model "none"; known: big, small',
      'unknown field "budget" (did you mean "budgets"?)',
    ]);
  });

  test('of any type in any place gets an answer', () => {
    for (const section of ['redis', 'providers', 'models', 'tasks', 'lanes', 'budgets', 'experiments', 'routing']) {
      for (const value of [null, 5, 'x', [], { a: null }, { a: 5 }, { a: { models: 5, variants: 5, scores: 5 } }]) {
        expect(linesOf(withBoth({ [section]: value })).length).toBeGreaterThan(0);
      }
    }
  });
});

test('an unknown name is told with the known ones, a dozen at the most', () => {
  const known = Object.fromEntries(Array.from({ length: 15 }, (_, index) => [`m${10 + index}`, {}]));
  expect(unknownName('model', 'x', known)).toBe(
    'unknown model "x"; known: m10, m11, m12, m13, m14, m15, m16, m17, m18, m19, m20, m21, and 3 more',
  );
  expect(unknownName('task', 'x', {})).toBe('unknown task "x"; no task is declared');
});
