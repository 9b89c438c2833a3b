import { type Fixture, type FixtureMatch, type JournalEntry, LLMock } from '@copilotkit/aimock';
import { request } from 'undici';
import { expect, onTestFinished } from 'vitest';
import type { UsageRecord } from '../../src/domain/usage.ts';
import { expectBalanced } from './books.ts';
import type { ConfigInput, Harness, HarnessOptions } from './harness.ts';

/**
 * The whole path against an upstream that others wrote, which speaks four APIs at one port and keeps a journal: what our
 * own simulated provider and our books agree on wrongly, it does not.
 */

type Usage = { prompt_tokens: number; completion_tokens: number; cost?: number };

/** One model for each API, asked in this order. Prices are whole nano-dollars a token; usage is what every answer tells. */
export const MODELS = {
  gpt: { provider: 'openai', id: 'gpt-5-mini', path: '/v1/chat/completions', price: { input: 1_000, output: 4_000 } },
  router: {
    provider: 'openrouter',
    id: 'vendor/small-1',
    path: '/api/v1/chat/completions',
    price: { input: 2_000, output: 3_000 },
  },
  claude: {
    provider: 'anthropic',
    id: 'claude-haiku-4-5',
    path: '/v1/messages',
    price: { input: 3_000, output: 7_000 },
  },
  gemini: { provider: 'google', id: 'gemini-3.5-flash', path: '/v1beta/models/', price: { input: 500, output: 9_000 } },
} as const;
export type Alias = keyof typeof MODELS;
export const ALIASES = Object.keys(MODELS) as Alias[];

export const USAGE: Record<Alias, Usage> = {
  gpt: { prompt_tokens: 101, completion_tokens: 11 },
  // OpenRouter says itself what it charges, and that is not what our price list makes of it.
  router: { prompt_tokens: 203, completion_tokens: 17, cost: 0.000_123_457 },
  claude: { prompt_tokens: 307, completion_tokens: 23 },
  gemini: { prompt_tokens: 401, completion_tokens: 31 },
};

export function costOf(alias: Alias): number {
  const { prompt_tokens: input, completion_tokens: output, cost } = USAGE[alias];
  const { price } = MODELS[alias];
  return cost === undefined ? input * price.input + output * price.output : Math.round(cost * 1e9);
}

export type Stage = Harness & {
  mock: LLMock;
  fail: (alias: Alias, response: Fixture['response'], match?: FixtureMatch) => void;
};

/** An installation whose providers are the mock. Every model answers, until it is made to fail. */
export async function startStage(
  open: (options: HarnessOptions) => Promise<Harness>,
  stream: boolean,
  config: Partial<ConfigInput> = {},
): Promise<Stage> {
  const mock = new LLMock({ port: 0, logLevel: 'silent' });
  await mock.start();
  onTestFinished(() => mock.stop());
  for (const alias of ALIASES) {
    mock.addFixture({
      match: { model: MODELS[alias].id },
      response: { content: `said by ${alias}`, usage: USAGE[alias] },
      chunkSize: 4,
    });
  }
  const at = (path: string) =>
    ({ base_url: `${mock.url}${path}`, allow_private: true, api_key: 'key', stream }) as const;
  const harness = await open({
    config: {
      providers: {
        openai: { kind: 'openai', ...at('/v1') },
        openrouter: { kind: 'openrouter', ...at('/api/v1') },
        anthropic: { kind: 'anthropic', ...at('/v1') },
        google: { kind: 'google', ...at('/v1beta') },
      },
      models: Object.fromEntries(
        ALIASES.map((alias) => {
          const { provider, id, price } = MODELS[alias];
          return [
            alias,
            {
              provider,
              id,
              price: { input: price.input / 1_000, output: price.output / 1_000 },
              context: 100_000,
              capabilities: ['tools'] as const,
            },
          ];
        }),
      ) as ConfigInput['models'],
      ...config,
    },
  });
  await harness.startPool();
  const fail: Stage['fail'] = (alias, response, match = {}) => {
    mock.prependFixture({ match: { model: MODELS[alias].id, ...match }, response });
  };
  return { ...harness, mock, fail };
}

/** What the upstream itself has written down about the calls that it got. */
export async function journalOf(mock: LLMock): Promise<JournalEntry[]> {
  const { body } = await request(`${mock.url}/__aimock/journal`, { reset: true });
  const journal = (await body.json()) as JournalEntry[];
  return journal.filter(({ path }) => !path.startsWith('/__aimock'));
}

/** Each call in the journal has one record and each record one call, of the same model and with the same ending. */
export async function expectJournalToAgree(stage: Stage): Promise<UsageRecord[]> {
  const journal = await journalOf(stage.mock);
  const records = (await stage.usage()).filter(({ outcome }) => outcome !== 'cached');
  const recordOf = new Map(records.map((record) => [record.attempt_id, record]));
  expect(journal.map(({ headers }) => headers['x-request-id'] ?? '').toSorted()).toEqual(
    records.map(({ attempt_id }) => attempt_id).toSorted(),
  );
  for (const { headers, body, path, response } of journal) {
    const record = recordOf.get(headers['x-request-id'] ?? '');
    const alias = record?.model as Alias;
    expect(path.startsWith(MODELS[alias].path)).toBe(true);
    expect(body).toMatchObject({ model: MODELS[alias].id });
    if (record?.outcome === 'completed') {
      expect(response.status).toBe(200);
      const { prompt_tokens: input_tokens, completion_tokens: output_tokens } = USAGE[alias];
      expect(record).toMatchObject({ input_tokens, output_tokens, cost_nanos: costOf(alias) });
    } else if (record?.outcome === 'failed') {
      expect(record).toMatchObject({ status: response.status, cost_nanos: 0, input_tokens: 0, output_tokens: 0 });
    }
  }
  // Whatever the aliases say, nobody else was asked.
  expect(stage.calls()).toEqual([]);
  await expectBalanced(stage);
  return records;
}
