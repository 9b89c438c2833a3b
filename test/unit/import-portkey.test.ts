import { describe, expect, it } from 'vitest';
import { parseOwnConfig } from '../../src/config/config-file.ts';
import { importPortkey } from '../../src/config/imports/portkey.ts';
import type { Config } from '../../src/domain/config.ts';
import { InputError } from '../../src/domain/errors.ts';

type Imported = { text: string; config: Config; taken: string[]; ignored: string[] };

/** Imports, and loads what comes of it. */
function imported(config: unknown, usualModel?: string): Imported {
  const { text, report } = importPortkey(JSON.stringify(config, null, 2), 'portkey.json', usualModel);
  const variables = [...text.matchAll(/\$\{(\w+)\}/g)].map(([, name = '']) => [name, `key-of-${name}`]);
  return { text, config: parseOwnConfig(text, 'sluice.yaml', Object.fromEntries(variables)), ...report };
}

function problemsOf(text: string, usualModel?: string): readonly string[] {
  try {
    importPortkey(text, 'portkey.json', usualModel);
    return [];
  } catch (error) {
    if (error instanceof InputError) return error.problems;
    throw error;
  }
}

const target = (provider: string, model: string, more: object = {}): object => ({
  provider,
  override_params: { model },
  ...more,
});

function condition(query: object, leadsTo: string): object {
  // oxlint-disable-next-line no-thenable -- so it is called by Portkey
  return { query, then: leadsTo };
}

describe('targets', () => {
  it('become models: of providers by their own name, and of Portkey where it resolves slugs and virtual keys', () => {
    const { config } = imported({
      strategy: { mode: 'fallback' },
      targets: [
        target('openai', 'gpt-5-mini', { api_key: 'sk-secret', name: 'first' }),
        target('@anthropic-eu', 'claude-sonnet-4-5'),
        { virtual_key: 'groq-7f2', override_params: { model: 'llama-3.3-70b-versatile', max_tokens: 500 } },
        target('azure-openai', 'x', {
          azure_resource_name: 'north',
          azure_deployment_id: 'gpt',
          azure_api_version: '2024-10-21',
        }),
        target('openai', 'own', { custom_host: 'http://10.0.0.7:8000/v1' }),
      ],
    });
    expect(config.models).toMatchObject({
      first: { provider: 'openai', id: 'gpt-5-mini' },
      'claude-sonnet-4-5': { provider: 'portkey', id: 'claude-sonnet-4-5' },
      'llama-3.3-70b-versatile': { provider: 'portkey-2', max_output: 500 },
      gpt: { provider: 'azure', id: 'gpt' },
      own: { provider: 'openai-2' },
    });
    expect(config.providers).toMatchObject({
      openai: { kind: 'openai', base_url: 'https://api.openai.com/v1', api_key: 'key-of-OPENAI_API_KEY' },
      portkey: { kind: 'portkey', portkey: { provider: '@anthropic-eu' }, api_key: 'key-of-PORTKEY_API_KEY' },
      'portkey-2': { portkey: { virtual_key: 'groq-7f2' } },
      azure: { kind: 'azure', base_url: 'https://north.openai.azure.com', azure: { api_version: '2024-10-21' } },
      'openai-2': { base_url: 'http://10.0.0.7:8000/v1', allow_private: true },
    });
  });

  it('inherit what is said around them', () => {
    const { config } = imported({
      strategy: { mode: 'loadbalance' },
      request_timeout: 20_000,
      override_params: { model: 'gpt-5' },
      targets: [
        { provider: 'openai', weight: 0.7 },
        target('openai', 'gpt-5-mini', { weight: 0.3, request_timeout: 1_500 }),
      ],
    });
    expect(config.models).toMatchObject({ 'gpt-5': { weight: 0.7 }, 'gpt-5-mini': { weight: 0.3 } });
    expect(config.providers).toMatchObject({ openai: { timeout: 20_000 }, 'openai-2': { timeout: 1_500 } });
  });

  it('without a model have the one that is given, and are left out without it', () => {
    const config = { targets: [{ provider: 'openai' }, target('groq', 'llama')], strategy: { mode: 'fallback' } };
    expect(imported(config, 'gpt-5').config.models).toMatchObject({ 'gpt-5': { provider: 'openai' } });
    expect(imported(config).ignored).toEqual([
      'portkey.json:3: targets[0]: its model stands in the requests: add override_params.model, or give --model',
    ]);
    expect(imported({ provider: 'openai' }, 'gpt-5').config.models).toHaveProperty('gpt-5');
  });

  it('that cannot be called are left out, with the reason', () => {
    const { ignored } = imported({
      strategy: { mode: 'fallback' },
      targets: [
        target('openai', 'gpt-5'),
        target('bedrock', 'claude'),
        target('azure-openai', 'gpt'),
        target('openai', 'x', { custom_host: 'http://169.254.169.254/v1' }),
      ],
    });
    expect(ignored.map((line) => line.replace(/^portkey\.json:\d+: /, ''))).toEqual([
      'targets[1]: its provider is none that Sluice speaks to',
      'targets[2]: its address is missing',
      'targets[3]: 169.254.169.254 is a link-local or reserved address and is never called',
    ]);
  });

  it('give none of their keys away', () => {
    const { text, ignored } = imported({ ...target('openai', 'gpt-5', { api_key: 'sk-secret' }) });
    expect(`${text}${ignored.join('')}`).not.toContain('sk-secret');
    expect(ignored).toEqual([
      'portkey.json:6: api_key: keys stay out of the file: put this one into the environment as OPENAI_API_KEY',
    ]);
  });
});

describe('strategies', () => {
  const two = [target('openai', 'gpt-5'), target('anthropic', 'claude-sonnet-4-5')];

  it.each([
    ['fallback', 'order'],
    ['loadbalance', 'weighted'],
  ])('%s becomes a task with the strategy %s', (mode, strategy) => {
    const { config } = imported({ strategy: { mode }, targets: two });
    expect(config.tasks['default']).toMatchObject({ models: ['gpt-5', 'claude-sonnet-4-5'], strategy });
  });

  it('single becomes no task at all', () => {
    expect(imported({ strategy: { mode: 'single' }, targets: two.slice(1) }).config.tasks).toEqual({});
  });

  it('below others stand in line with them', () => {
    const { config, ignored } = imported({
      strategy: { mode: 'fallback' },
      targets: [{ strategy: { mode: 'loadbalance' }, targets: two }, target('groq', 'llama')],
    });
    expect(config.tasks['default']).toMatchObject({
      models: ['gpt-5', 'claude-sonnet-4-5', 'llama'],
      strategy: 'order',
    });
    expect(ignored).toEqual([expect.stringMatching(/targets\[0\]\.strategy: its targets stand in line with those/)]);
  });

  it('with conditions become a task for each target, which the caller names', () => {
    const { config, ignored } = imported({
      strategy: {
        mode: 'conditional',
        conditions: [condition({ 'metadata.plan': { $eq: 'paid' } }, 'good'), condition({}, 'nowhere')],
        default: 'cheap',
      },
      targets: [target('openai', 'gpt-5', { name: 'good' }), target('openai', 'gpt-5-nano', { name: 'cheap' })],
    });
    expect(config.tasks).toMatchObject({ good: { models: ['good'] }, default: { models: ['cheap'] } });
    expect(ignored).toEqual([
      expect.stringMatching(/conditions\[0\]\.query: who enqueues the job decides: task good where this holds$/),
      expect.stringMatching(/conditions\[1\]: it leads to no target that was taken over$/),
    ]);
  });
});

it('retries, the cache and the circuit are taken over, and the rest is told', () => {
  const { config, ignored } = imported({
    strategy: {
      mode: 'fallback',
      on_status_codes: [429],
      cb_config: { failure_threshold: 3, failure_threshold_percentage: 20, cooldown_interval: 60_000 },
    },
    retry: { attempts: 3 },
    cache: { mode: 'semantic', max_age: 3_600 },
    input_guardrails: ['pii'],
    targets: [target('openai', 'gpt-5'), target('groq', 'llama')],
  });
  expect(config.routing.max_attempts).toBe(5);
  expect(config.cache).toEqual({ enabled: true, any_temperature: true, ttl: 3_600_000 });
  expect(config.circuit).toMatchObject({ failures: 3, failure_share: 0.2, cooldown: 60_000 });
  expect(ignored.map((line) => line.replace(/^portkey\.json:\d+: /, ''))).toEqual([
    'strategy.on_status_codes: Sluice goes on after every failure that another model may not have',
    'cache.mode: requests have to be the same to the letter',
    'input_guardrails: has no counterpart in Sluice',
  ]);
});

describe('a file that cannot be read', () => {
  it.each([
    ['{"provider": "openai"', /^portkey\.json:\d+:\d+: /],
    ['{"a": 1}', /^portkey\.json: not a config of Portkey's gateway: it has neither targets nor a provider$/],
    ['[]', /it has neither targets nor a provider$/],
  ])('%j is refused in one line', (text, problem) => {
    expect(problemsOf(text)).toEqual([expect.stringMatching(problem)]);
  });

  it('because nothing in it is for Sluice is refused with the reasons', () => {
    expect(problemsOf('{"provider":"bedrock"}', 'x')).toEqual([
      'portkey.json: none of its targets can be taken over:',
      'portkey.json: its provider is none that Sluice speaks to',
    ]);
  });
});
