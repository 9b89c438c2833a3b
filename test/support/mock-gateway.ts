import { LLMock } from '@copilotkit/aimock';
import { onTestFinished } from 'vitest';
import type { UsageRecord } from '../../src/domain/usage.ts';
import type { GatewayHarness, useGateway } from './gateway.ts';
import type { ConfigInput } from './harness.ts';

/** USD per million tokens: a nano-dollar a token is 1,000 of it. */
const PRICE = { input: 1, output: 4 };

export const TOLD_USAGE = { prompt_tokens: 101, completion_tokens: 11 };
/** In USD, of one answer of `TOLD_USAGE`. */
export const COST = 0.000_145;

export const WEATHER = { city: 'Oslo' };
export const FORECAST = { sky: 'rain', degrees: 7 };
export const WEATHER_SCHEMA = {
  type: 'object' as const,
  properties: { city: { type: 'string' as const } },
  required: ['city'],
  additionalProperties: false,
};

export type MockGateway = GatewayHarness & { mock: LLMock; bill: () => Promise<Partial<UsageRecord>[]> };

/**
 * A gateway, and behind it a provider that others wrote, with two models. It calls the tool `weather` where tools are
 * offered, and says what came of it when that is told; it answers in JSON where that is asked for; else it says hello.
 */
export async function openMockGateway(
  open: ReturnType<typeof useGateway>,
  options: { config?: Partial<ConfigInput> } = {},
): Promise<MockGateway> {
  const mock = new LLMock({ port: 0, logLevel: 'silent' });
  await mock.start();
  onTestFinished(() => mock.stop());
  const usage = TOLD_USAGE;
  mock.addFixtures([
    { match: { hasToolResult: true }, response: { content: 'It rains in Oslo, at 7 degrees.', usage }, chunkSize: 5 },
    {
      match: { predicate: ({ tools, tool_choice }) => (tools?.length ?? 0) > 0 && tool_choice !== 'none' },
      response: { toolCalls: [{ id: 'call_1', name: 'weather', arguments: JSON.stringify(WEATHER) }], usage },
      chunkSize: 5,
    },
    {
      match: { responseFormat: 'json_schema' },
      response: { content: JSON.stringify(FORECAST), usage },
      chunkSize: 5,
    },
    { match: {}, response: { content: 'Hello there, whoever you are.', usage }, chunkSize: 5 },
  ]);
  const provider = { base_url: `${mock.url}/v1`, allow_private: true, api_key: 'upstream' } as const;
  const model = { price: PRICE, context: 32_000, capabilities: ['tools', 'json'] };
  const harness = await open({
    config: {
      providers: { first: provider, second: provider },
      models: {
        small: { ...model, provider: 'first', id: 'vendor/small-1' },
        large: { ...model, provider: 'second', id: 'vendor/large-1' },
      } as ConfigInput['models'],
      ...options.config,
    },
  });
  const bill = async () =>
    (await harness.usage()).map(({ model, outcome, cost_nanos }) => ({ model, outcome, cost_nanos }));
  return { ...harness, mock, bill };
}

export async function collect<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const all: Item[] = [];
  for await (const item of items) all.push(item);
  return all;
}
