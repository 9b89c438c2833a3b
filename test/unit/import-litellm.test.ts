import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { parseOwnConfig } from '../../src/config/config-file.ts';
import { importLiteLlm } from '../../src/config/imports/litellm.ts';
import { openPriceCatalogue } from '../../src/config/price-catalogue.ts';
import type { Config } from '../../src/domain/config.ts';
import { InputError } from '../../src/domain/errors.ts';

type Imported = { text: string; config: Config; taken: string[]; ignored: string[] };

/** Imports, and loads what comes of it. */
function imported(yaml: string, env: NodeJS.ProcessEnv = {}): Imported {
  const { text, report } = importLiteLlm(yaml, 'litellm.yaml', openPriceCatalogue);
  const variables = [...text.matchAll(/\$\{(\w+)\}/g)].map(([, name = '']) => [name, env[name] ?? `key-of-${name}`]);
  return { text, config: parseOwnConfig(text, 'sluice.yaml', Object.fromEntries(variables)), ...report };
}

function problemsOf(yaml: string): readonly string[] {
  try {
    imported(yaml);
    return [];
  } catch (error) {
    if (error instanceof InputError) return error.problems;
    throw error;
  }
}

const deployment = (name: string, parameters: string, info = ''): string =>
  `  - model_name: ${name}\n    litellm_params: { ${parameters} }\n${info === '' ? '' : `    model_info: { ${info} }\n`}`;
const list = (...deployments: string[]): string => `model_list:\n${deployments.join('')}`;
const GPT = deployment('gpt', 'model: openai/gpt-4o, api_key: os.environ/OPENAI_KEY');
const CLAUDE = deployment('claude', 'model: anthropic/claude-sonnet-4-5');

describe('deployments', () => {
  it('become models of providers, each key in the variable where it stood', () => {
    const { config } = imported(list(GPT, CLAUDE, deployment('fast', 'model: groq/llama-3.3-70b-versatile')));
    expect(config.providers).toMatchObject({
      openai: { kind: 'openai', base_url: 'https://api.openai.com/v1', api_key: 'key-of-OPENAI_KEY' },
      anthropic: { kind: 'anthropic', api_key: 'key-of-ANTHROPIC_API_KEY' },
      groq: { kind: 'openai', base_url: 'https://api.groq.com/openai/v1', api_key: 'key-of-GROQ_API_KEY' },
    });
    expect(config.models).toMatchObject({
      gpt: { provider: 'openai', id: 'gpt-4o' },
      claude: { provider: 'anthropic', id: 'claude-sonnet-4-5' },
      fast: { provider: 'groq', id: 'llama-3.3-70b-versatile' },
    });
  });

  it('that differ in their keys alone become one model of a provider with several keys', () => {
    const { config } = imported(
      list(
        deployment('gpt', 'model: openai/gpt-4o, api_key: os.environ/KEY_A, weight: 2, rpm: 100'),
        deployment('gpt', 'model: openai/gpt-4o, api_key: os.environ/KEY_B, rpm: 100'),
      ),
    );
    expect(config.models).toMatchObject({ gpt: { weight: 3, limits: { requests_per_minute: 100 } } });
    expect(Object.keys(config.models)).toEqual(['gpt']);
    expect(config.providers['openai']?.api_keys).toEqual({
      KEY_A: { key: 'key-of-KEY_A', weight: 2 },
      KEY_B: { key: 'key-of-KEY_B', weight: 1 },
    });
    expect(config.tasks).toEqual({});
  });

  it('of one name at several places become models that share the calls of a task', () => {
    const { config } = imported(
      `${list(
        deployment(
          'gpt',
          'model: azure/gpt-north, api_base: "https://north.openai.azure.com", api_version: 2024-10-21, tpm: 90000',
          'base_model: azure/gpt-4o',
        ),
        deployment(
          'gpt',
          'model: azure/gpt-south, api_base: "https://south.openai.azure.com/", max_parallel_requests: 5',
        ),
      )}router_settings: { routing_strategy: latency-based-routing }\n`,
    );
    expect(config.tasks).toMatchObject({ gpt: { models: ['gpt', 'gpt-2'], strategy: 'latency' } });
    expect(config.providers).toMatchObject({
      azure: { base_url: 'https://north.openai.azure.com', azure: { api_version: '2024-10-21' } },
      'azure-2': { base_url: 'https://south.openai.azure.com' },
    });
    expect(config.models['gpt']).toMatchObject({
      price: { input: 2.5, output: 10 },
      price_source: openPriceCatalogue().source,
      limits: { tokens_per_minute: 90_000 },
    });
    expect(config.models['gpt-2']).toMatchObject({ limits: { concurrency: 5 } });
    expect(config.models['gpt-2']).not.toHaveProperty('price');
  });

  it('with an order are asked in it', () => {
    const { config } = imported(
      list(
        deployment('gpt', 'model: openai/gpt-4o, order: 2'),
        deployment('gpt', 'model: openrouter/openai/gpt-4o, order: 1'),
      ),
    );
    expect(config.models['gpt']?.provider).toBe('openrouter');
    expect(config.tasks['gpt']).toMatchObject({ models: ['gpt', 'gpt-2'], strategy: 'order' });
  });

  it('keep their own prices, contexts and capabilities, and are taken to be able to do all where nothing is said', () => {
    const { config } = imported(
      list(
        deployment(
          'own',
          'model: hosted_vllm/qwen3-32b, api_base: "http://10.0.0.7:8000/v1", input_cost_per_token: 0.0000001, output_cost_per_token: 0.0000004, timeout: 90',
          'max_input_tokens: 32768, max_output_tokens: 4096, supports_function_calling: true, supports_vision: false',
        ),
        GPT,
      ),
    );
    expect(config.models['own']).toMatchObject({
      price: { input: 0.1, output: 0.4 },
      context: 32_768,
      max_output: 4_096,
      capabilities: ['tools'],
    });
    expect(config.providers['hosted_vllm']).toMatchObject({ allow_private: true, timeout: 90_000 });
    expect(config.models['gpt']?.capabilities).toEqual(['tools', 'json', 'vision']);
  });

  it('take what they do not say from the credential that they name', () => {
    const { config } = imported(
      `${list(deployment('gpt', 'model: azure/gpt, litellm_credential_name: north'))}credential_list:
  - credential_name: north
    credential_values: { api_key: os.environ/NORTH_KEY, api_base: os.environ/NORTH_BASE }
`,
      { NORTH_BASE: 'https://north.openai.azure.com' },
    );
    expect(config.providers['azure']).toMatchObject({
      api_key: 'key-of-NORTH_KEY',
      base_url: 'https://north.openai.azure.com',
    });
  });

  it('whose keys stand in the file get variables for them, and no key is repeated', () => {
    const { text, ignored, config } = imported(
      list(
        deployment('a', 'model: openai/gpt-4o, api_key: sk-first-secret'),
        deployment('b', 'model: openai/gpt-5, api_key: sk-first-secret'),
        deployment('c', 'model: openai/gpt-5-mini, api_key: sk-other-secret'),
      ),
    );
    expect(`${text}${ignored.join('')}`).not.toContain('secret');
    expect(Object.values(config.providers).map(({ api_key: key }) => key)).toEqual([
      'key-of-OPENAI_API_KEY',
      'key-of-OPENAI_API_KEY_2',
    ]);
    expect(ignored[0]).toBe(
      'litellm.yaml:3: model_list[0].litellm_params.api_key: keys stay out of the file: put this one into the environment as OPENAI_API_KEY',
    );
  });

  it.each([
    ['"*"', 'model: "openai/*"', 'wildcards are not routes in Sluice: name the models one by one'],
    ['a', 'model: bedrock/anthropic.claude-v2', 'Sluice speaks to no provider of the kind bedrock'],
    ['a', 'model: azure/gpt', 'its address is missing'],
    ['a', 'model: openai/gpt, api_base: "ftp://x.test"', 'only http and https, got ftp://'],
    ['a', 'rpm: 5', 'it has no litellm_params.model'],
  ])('%s with %s are left out, with the reason', (name, parameters, reason) => {
    expect(imported(list(GPT, deployment(name, parameters))).ignored).toEqual([
      `litellm.yaml:4: model_list[1]: ${reason}`,
    ]);
  });

  it('for other work than chats and embeddings are left out', () => {
    const { ignored } = imported(list(GPT, deployment('draw', 'model: openai/draw', 'mode: image_generation')));
    const reason = 'it is for image_generation, and Sluice is for chats and embeddings';
    expect(ignored).toEqual([`litellm.yaml:4: model_list[1]: ${reason}`]);
  });

  it.each(['model: openai/vectors', 'model: openai/text-embedding-3-small'])('%s may embed', (parameters) => {
    const mode = parameters.endsWith('vectors') ? ['mode: embedding'] : [];
    const { text } = imported(list(GPT, deployment('embed', parameters, ...mode)));
    expect(text).toMatch(/embed:[^]*capabilities:\s+(\[ ?|- )embeddings/);
  });
});

describe('fallbacks', () => {
  it('of all kinds become the later models of a task', () => {
    const { config } = imported(`${list(GPT, CLAUDE, deployment('large', 'model: gemini/gemini-3.5-flash'))}
litellm_settings:
  fallbacks: [{ gpt: [claude] }]
  context_window_fallbacks:
    - gpt: [{ model: large, messages: [] }]
  default_fallbacks: [claude]
`);
    expect(config.tasks).toMatchObject({
      gpt: { models: ['gpt', 'claude', 'large'], strategy: 'order' },
      large: { models: ['large', 'claude'], strategy: 'order' },
    });
    expect(config.tasks).not.toHaveProperty('claude');
  });

  it('to and from names that nobody has are left out', () => {
    const { ignored, config } = imported(`${list(GPT, CLAUDE)}
router_settings:
  fallbacks:
    - gpt: [nobody]
    - nobody: [claude]
  model_group_alias: { chat: gpt, old: gone }
`);
    expect(ignored.map((line) => line.split(': ').slice(0, 2).join(': '))).toEqual([
      'litellm.yaml:9: router_settings.fallbacks[0].gpt[0]',
      'litellm.yaml:10: router_settings.fallbacks[1].nobody',
      'litellm.yaml:11: router_settings.model_group_alias.old',
    ]);
    expect(config.tasks).toMatchObject({ chat: { models: ['gpt'] } });
  });
});

describe('settings', () => {
  it('become limits on attempts, circuits, budgets, the cache and time', () => {
    const { config } = imported(`${list(GPT)}
litellm_settings: { num_retries: 2, request_timeout: 45, cache: true, cache_params: { type: redis, ttl: 600 }, max_budget: 50, budget_duration: 30d }
router_settings: { allowed_fails: 3, cooldown_time: 600 }
`);
    expect(config.routing.max_attempts).toBe(3);
    expect(config.providers['openai']?.timeout).toBe(45_000);
    expect(config.circuit).toMatchObject({ failures: 4, window: 60_000, cooldown: 600_000, longest_cooldown: 600_000 });
    expect(config.budgets).toMatchObject({ everything: { limit_usd: 50, window: 'month' } });
    expect(config.cache).toEqual({ enabled: true, any_temperature: true, ttl: 600_000 });
  });

  it('that have no counterpart are told with their lines, and their values are not', () => {
    const { ignored, text } = imported(`${list(GPT)}
litellm_settings:
  success_callback: [langfuse]
  cache: true
  cache_params: { type: redis-semantic, password: hunter2 }
  max_budget: 5
  budget_duration: 45d
general_settings:
  master_key: sk-1234
`);
    expect(ignored).toEqual([
      'litellm.yaml:6: litellm_settings.success_callback: has no counterpart in Sluice',
      'litellm.yaml:8: litellm_settings.cache_params.type: requests have to be the same to the letter',
      'litellm.yaml:8: litellm_settings.cache_params.password: has no counterpart in Sluice',
      'litellm.yaml:10: litellm_settings.budget_duration: a budget is for an hour, a day, a week, a month or for good: this one is for good',
      'litellm.yaml:11: general_settings: has no counterpart in Sluice',
    ]);
    expect(`${text}${ignored.join('')}`).not.toMatch(/hunter2|sk-1234/);
  });

  it('of the wrong kind are told and left out', () => {
    const { ignored } = imported(list(deployment('gpt', 'model: openai/gpt-4o, rpm: many, tpm: 0')));
    expect(ignored).toEqual([
      'litellm.yaml:3: model_list[0].litellm_params.rpm: expected a number',
      'litellm.yaml:3: model_list[0].litellm_params.tpm: a limit is above 0',
    ]);
  });
});

describe('a file that cannot be read', () => {
  it.each([
    ['model_list:\n  - model_name: a\nsettings:\n  fallbacks=[{"a": ["b"]}]\n', /^litellm\.yaml:4:\d+: /],
    ['a: 1\n', /^litellm\.yaml: not a configuration of LiteLLM's proxy: it has no model_list$/],
    ['model_list: gpt\n', /it has no model_list$/],
    ['', /it has no model_list$/],
  ])('%j is refused in one line', (yaml, problem) => {
    expect(problemsOf(yaml)).toEqual([expect.stringMatching(problem)]);
  });

  it('because nothing in it is for Sluice is refused with the reasons', () => {
    expect(problemsOf(list(deployment('a', 'model: bedrock/x')))).toEqual([
      'litellm.yaml: no entry of its model_list can be taken over:',
      'litellm.yaml:2: model_list[0]: Sluice speaks to no provider of the kind bedrock',
    ]);
  });
});

it('the text that is printed is YAML of the sections that there are, and no others', () => {
  expect(Object.keys(parse(imported(list(GPT)).text) as object)).toEqual(['providers', 'models']);
});
