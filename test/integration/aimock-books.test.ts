import { type ChatCompletionRequest, type Fixture, isChatCompletionBody } from '@copilotkit/aimock';
import { describe, expect, test } from 'vitest';
import type { PromptJob } from '../../src/domain/job.ts';
import type { JobResult } from '../../src/domain/result.ts';
import {
  type Alias,
  ALIASES,
  costOf,
  expectJournalToAgree,
  journalOf,
  MODELS,
  type Stage,
  startStage,
  USAGE,
} from '../support/aimock-stage.ts';
import { type ConfigInput, useHarness } from '../support/harness.ts';

const open = useHarness();
const stage = async (stream: boolean, config?: Partial<ConfigInput>): Promise<Stage> =>
  startStage(open, stream, config);

const FAILURES = {
  gpt: { error: { message: 'boom', type: 'server_error' }, status: 500 },
  router: { error: { message: 'Provider returned error' }, status: 502 },
  claude: { error: { message: 'Overloaded', type: 'overloaded_error' }, status: 529 },
  gemini: { error: { message: 'The model is overloaded.' }, status: 503 },
} satisfies Record<Alias, Fixture['response']>;

const trailOf = ({ attempts }: Pick<JobResult, 'attempts'>): string[] =>
  attempts.map(({ model, outcome, error_code: code }) => `${model} ${code ?? outcome}`);

const BATCH = { lane: 'batch' } as const;

const CALL = { name: 'get_weather', arguments: '{"city":"Oslo"}' };
const CONVERSATION: PromptJob = {
  messages: [
    { role: 'system', content: 'Be brief.' },
    { role: 'user', content: 'The weather in Oslo?' },
    { role: 'assistant', content: null, tool_calls: [{ id: 'call_1', type: 'function', function: CALL }] },
    { role: 'tool', tool_call_id: 'call_1', content: 'rain' },
  ],
  tools: [
    {
      type: 'function',
      function: {
        name: 'get_weather',
        description: 'The weather in a city.',
        parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
      },
    },
  ],
};

/** The conversation as the upstream understood it, whichever API it came over. */
function gistOf({ messages, tools }: ChatCompletionRequest): unknown {
  return {
    messages: messages.map(({ role, content, tool_calls }) => ({
      role,
      text: typeof content === 'string' ? content : (content ?? []).map(({ text }) => text ?? '').join(''),
      calls: (tool_calls ?? []).map((call) => [call.function.name, JSON.parse(call.function.arguments)]),
    })),
    tools: tools?.map((tool) => tool.function.name),
  };
}

/** Google wants results to be objects. */
const GIST = {
  messages: [
    { role: 'system', text: 'Be brief.', calls: [] },
    { role: 'user', text: 'The weather in Oslo?', calls: [] },
    { role: 'assistant', text: '', calls: [['get_weather', { city: 'Oslo' }]] },
    { role: 'tool', text: expect.stringMatching(/^(rain|\{"output":"rain"\})$/), calls: [] },
  ],
  tools: ['get_weather'],
};

describe.each([false, true])('four APIs (streamed: %s)', (stream) => {
  test('every call is in the journal and in the books, at the price of its model', async () => {
    const scene = await stage(stream);
    const jobs = Array.from({ length: 40 }, (_, row): PromptJob => {
      return { prompt: `row ${row}`, model: ALIASES[row % 4] ?? 'gpt', ...BATCH };
    });
    const results = await scene.run(jobs);
    for (const [row, result] of results.entries()) {
      const alias = ALIASES[row % 4] ?? 'gpt';
      expect(result).toMatchObject({
        status: 'completed',
        model: alias,
        completion: { content: `said by ${alias}`, finish_reason: 'stop' },
        cost_nanos: costOf(alias),
      });
    }
    const records = await expectJournalToAgree(scene);
    expect(records).toHaveLength(40);
    const sources = new Map(records.map(({ model, price_source }) => [model, price_source]));
    expect(Object.fromEntries(sources)).toEqual({
      gpt: 'config',
      router: 'provider',
      claude: 'config',
      gemini: 'config',
    });
    const sum = ALIASES.reduce((total, alias) => total + 10 * costOf(alias), 0);
    expect(await scene.money()).toEqual({ spentNanos: sum, heldNanos: 0 });
  });

  test('a model that fails hands the job on, over every API, until one answers', async () => {
    const scene = await stage(stream);
    for (const alias of ['gpt', 'router', 'claude'] as const) scene.fail(alias, FAILURES[alias]);
    const [result] = await scene.run([{ prompt: 'hello', ...BATCH }]);
    if (result === undefined) throw new Error('no result');
    expect(trailOf(result)).toEqual([
      'gpt PROVIDER_FAILED',
      'router PROVIDER_FAILED',
      'claude PROVIDER_OVERLOADED',
      'gemini completed',
    ]);
    expect(result.cost_nanos).toBe(costOf('gemini'));
    expect(await expectJournalToAgree(scene)).toHaveLength(4);
  });

  test.each(ALIASES)('a 429 of %s is waited out, and costs nothing', async (alias) => {
    const scene = await stage(stream);
    const tooMany = { error: { message: 'Rate limit reached', type: 'rate_limit_error' }, status: 429, retryAfter: 1 };
    scene.fail(alias, tooMany, { userMessage: 'patient', sequenceIndex: 0 });
    const startedAt = performance.now();
    const [result] = await scene.run([{ prompt: 'be patient', model: alias, ...BATCH }], 10_000);
    expect(performance.now() - startedAt).toBeGreaterThan(990);
    expect(result).toMatchObject({ status: 'completed', cost_nanos: costOf(alias) });
    const records = await expectJournalToAgree(scene);
    expect(records.map(({ error_code, status }) => [error_code, status])).toEqual([
      ['PROVIDER_RATE_LIMITED', 429],
      [undefined, undefined],
    ]);
  });

  test.each([
    { kind: 'nobody can read', chaos: { malformedRate: 1 }, code: 'PROVIDER_BAD_RESPONSE' },
    { kind: 'never arrives', chaos: { disconnectRate: 1 }, code: 'PROVIDER_UNREACHABLE' },
  ])('an answer that $kind is charged for, as it may be on the bill', async ({ chaos, code }) => {
    const scene = await stage(stream);
    for (const alias of ALIASES) {
      const match = { model: MODELS[alias].id };
      scene.mock.prependFixture({ match, response: { content: 'x', usage: USAGE[alias] }, chaos });
    }
    const jobs = ALIASES.map((model): PromptJob => ({
      prompt: 'hello',
      model,
      max_tokens: 100,
      max_attempts: 1,
      ...BATCH,
    }));
    for (const result of await scene.run(jobs)) expect(result).toMatchObject({ status: 'failed', error: { code } });
    const records = await expectJournalToAgree(scene);
    expect(records).toHaveLength(4);
    for (const { model, outcome, error_code, input_tokens, output_tokens, cost_nanos } of records) {
      const { price } = MODELS[model as Alias];
      expect([outcome, error_code, output_tokens]).toEqual(['unconfirmed', code, 100]);
      expect(cost_nanos).toBe(input_tokens * price.input + output_tokens * price.output);
    }
  });

  test('nothing that was said is lost from one API to the next', async () => {
    const scene = await stage(stream);
    for (const alias of ['gpt', 'router', 'claude'] as const) scene.fail(alias, FAILURES[alias]);
    const [result] = await scene.run([{ ...CONVERSATION, ...BATCH }]);
    expect(result).toMatchObject({ status: 'completed', model: 'gemini' });
    await expectJournalToAgree(scene);
    const journal = await journalOf(scene.mock);
    expect(journal.map(({ body }) => (isChatCompletionBody(body) ? gistOf(body) : body))).toEqual(
      journal.map(() => GIST),
    );
  });

  test('a budget ends the calls, and never is there more in the journal than it allows', async () => {
    const limitNanos = 5_000_000;
    const scene = await stage(stream, { budgets: { small: { limit_usd: limitNanos / 1e9 } } });
    const jobs = Array.from({ length: 60 }, (_, row): PromptJob => ({ prompt: `row ${row}`, model: 'gpt', ...BATCH }));
    const results = await scene.run(jobs);
    const failed = results.filter(({ status }) => status === 'failed');
    expect(failed.length).toBeGreaterThan(0);
    for (const result of failed) expect(result).toMatchObject({ error: { code: 'BUDGET_EXCEEDED' }, cost_nanos: 0 });
    const records = await expectJournalToAgree(scene);
    expect(records).toHaveLength(results.length - failed.length);
    expect(records.length).toBeGreaterThan(10);
    expect(records.length * costOf('gpt')).toBeLessThanOrEqual(limitNanos);
  });
});

test('a stream that is cut off is no answer, over any API, and is charged for', async () => {
  const scene = await stage(true);
  for (const alias of ALIASES) {
    const response = { content: 'a text that is cut off in its middle', usage: USAGE[alias] };
    const match = { model: MODELS[alias].id };
    scene.mock.prependFixture({ match, response, chunkSize: 4, truncateAfterChunks: 4 });
  }
  const jobs = ALIASES.map((model): PromptJob => ({ prompt: 'hello', model, max_attempts: 1, ...BATCH }));
  for (const result of await scene.run(jobs)) {
    expect(result).toMatchObject({
      status: 'failed',
      error: { code: expect.stringMatching(/^PROVIDER_(UNREACHABLE|BAD_RESPONSE)$/) },
    });
    expect(result.cost_nanos).toBeGreaterThan(0);
  }
  expect(await expectJournalToAgree(scene)).toHaveLength(4);
});
