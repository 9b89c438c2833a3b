import type { Readable } from 'node:stream';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Config } from '../../src/domain/config.ts';
import { decodeVector, encodeVector, vectorToJson } from '../../src/domain/embedding.ts';
import { check, formatProblem } from '../../src/domain/issues.ts';
import { isQueuedJob, PromptJob, promptLength, type QueuedJob, requestOf } from '../../src/domain/job.ts';
import { embeddingsOf, readEmbeddingsRequest, writeEmbeddings } from '../../src/domain/native/embeddings.ts';
import { type CompletedResult, resultBase } from '../../src/domain/result.ts';
import { embeddingsFace } from '../../src/gateway/embeddings/face.ts';
import { presentJobData } from '../../src/monitor/job-mask.ts';
import { parseRow } from '../../src/producer/rows.ts';
import { createRouter, explainRoute, whyEmpty } from '../../src/router/index.ts';
import { cacheKeyOf, isCacheable } from '../../src/workers/cache-key.ts';
import { checksOf } from '../../src/workers/validate.ts';
import { configOf, knowledgeWith, MODELS, type ModelInput } from './router-fixture.ts';

const EMBED: ModelInput = {
  provider: 'east',
  id: 'vendor/embed',
  price: { input: 0.02, output: 0 },
  context: 8_000,
  capabilities: ['embeddings'],
};
const EMBEDDERS = { embed: EMBED, 'embed-google': { ...EMBED, provider: 'google', price: { input: 0.1, output: 0 } } };
const CONFIG = configOf({
  providers: {
    east: { base_url: 'https://east.test/v1' },
    west: { base_url: 'https://west.test/v1' },
    google: { base_url: 'https://google.test/v1beta', kind: 'google' },
  },
  models: { ...MODELS, ...EMBEDDERS },
});
const router = createRouter(CONFIG);

function routeOf(job: Partial<PromptJob>) {
  const question = router.question(job);
  return { question, route: router.route(question, knowledgeWith()) };
}

function linesOf(row: unknown): string[] {
  const checked = check(PromptJob, row);
  return checked.ok ? [] : checked.problems.map(formatProblem);
}

function queued(job: Partial<QueuedJob>): QueuedJob {
  return { v: 1, task: null, lane: 'batch', account: 'default', enqueued_at: 1, ...job };
}

describe('a job that embeds', () => {
  test.each<[string, unknown]>([
    ['a text', 'x'],
    ['texts', ['x', 'y']],
    ['as many as may be', Array.from({ length: 2_048 }, () => 'x')],
    ['tokens', [1, 2, 3]],
    ['lists of tokens', [[1, 2], [3]]],
  ])('takes %s', (_name, input) => {
    expect(check(PromptJob, { input, dimensions: 256 })).toMatchObject({ ok: true });
  });

  test.each<[object, string]>([
    [{ input: '' }, 'input: must not be empty'],
    [{ input: [] }, 'input: must not be empty'],
    [{ input: ['x', ''] }, 'input: none of its texts may be empty'],
    [{ input: ['x', 1] }, 'input: expected texts, or lists of tokens (whole numbers), and not both'],
    [{ input: 5 }, 'input: expected a text, tokens, or a list of either'],
    [{ input: Array.from({ length: 2_049 }, () => 'x') }, 'input: must be at most 2048 entries'],
    [{ input: 'x', prompt: 'y' }, 'prompt: give prompt or input, not both'],
    [{ input: 'x', dimensions: 0 }, 'dimensions: must be at least 1, got 0'],
    [{ prompt: 'x', dimensions: 8 }, 'dimensions: goes with input; leave it out'],
    [{ input: 'x', temperature: 0 }, 'temperature: not for embeddings; leave out temperature'],
    [
      { input: 'x', max_tokens: 5, response_format: { type: 'json_object' }, expect: { equals: 'y' } },
      'response_format: not for embeddings; leave out response_format, max_tokens, expect',
    ],
  ])('%# is told in one line: %s', (row, line) => {
    expect(linesOf(row)).toEqual([line]);
  });

  test('lies in the queue, has a length and becomes a request for vectors', () => {
    const job = queued({ input: ['abc', 'de'], dimensions: 8 });
    expect(isQueuedJob(job)).toBe(true);
    expect(promptLength(job)).toBe(5);
    expect(requestOf(job, 0)).toEqual({ inputs: ['abc', 'de'], dimensions: 8 });
    expect(requestOf(queued({ input: [7, 8] }), 0)).toEqual({ inputs: [[7, 8]] });
  });

  test('shows no text on the board', () => {
    expect(presentJobData({ input: ['secret'], dimensions: 8 }, false)).toEqual({
      dimensions: 8,
      input: '«hidden: a list of 1»',
    });
    expect(JSON.stringify(presentJobData({ input: 'secret' }, false))).not.toContain('secret');
  });
});

function tokens(count: number): number[] {
  return Array.from({ length: count }, () => 1);
}

describe('who is asked', () => {
  test('for vectors: models that embed, and no others; for chats the others', () => {
    const embedding = routeOf({ input: 'hello' }).route;
    expect(embedding.chain.map(({ model }) => model.alias)).toEqual(['embed', 'embed-google']);
    expect(explainRoute(embedding).slice(2)).toEqual([
      '-  big: left out, does not embed',
      '-  mid: left out, does not embed',
      '-  nano: left out, does not embed',
    ]);
    const chat = routeOf({ prompt: 'hello', task: 'coding' }).route;
    expect(chat.chain.map(({ model }) => model.alias).toSorted()).toEqual(['big', 'mid', 'nano']);
    expect(explainRoute(chat)).toContain('-  embed: left out, embeds, and does not chat');
  });

  test('a reason is given when nobody is left', () => {
    const { route, question } = routeOf({ input: 'hello', models: ['mid'] });
    expect(whyEmpty(route, question)).toBe(
      'no model that this job may use embeds: capabilities: [embeddings] says that one does',
    );
    const chat = routeOf({ prompt: 'hello', models: ['embed'] });
    expect(whyEmpty(chat.route, chat.question)).toBe('the models that this job may use embed, and do not chat');
  });

  test.each<[string, PromptJob['input']]>([
    ['tokens', [[1, 2]]],
    ['more than a hundred texts', Array.from({ length: 101 }, () => 'x')],
  ])('Google is left out for %s', (_name, input) => {
    const { route } = routeOf({ input });
    expect(route.chain.map(({ model }) => model.alias)).toEqual(['embed']);
    expect(route.dropped.find(({ alias }) => alias === 'embed-google')?.reason).toBe('untranslatable');
  });

  test('a context has to hold the longest input, not all of them together', () => {
    expect(routeOf({ input: [tokens(7_000), tokens(8_000), tokens(10)] }).route.chain).toHaveLength(1);
    const { route, question } = routeOf({ input: [tokens(8_001)], model: 'embed' });
    expect(whyEmpty(route, question)).toBe(
      'no model has room for an input of about 8001 tokens: the largest context has 8000',
    );
  });

  test('the price of the input alone bounds what it can cost', () => {
    const [candidate] = routeOf({ input: [1_000, 1_001, 1_002], max_cost_usd: 1 }).route.chain;
    // Three tokens and two marks, at 0.02 USD a million.
    expect(candidate).toMatchObject({ maxTokens: 0, boundNanos: 100, predicted: { costNanos: 60 } });
  });
});

describe('the cache', () => {
  const [candidate] = routeOf({ input: 'x' }).route.chain;
  const keyOf = (job: Partial<QueuedJob>): string =>
    cacheKeyOf(queued(job), candidate as NonNullable<typeof candidate>);

  test('holds vectors whatever the temperature, unless the job says no', () => {
    const config = configOf({ cache: { enabled: true } });
    expect(isCacheable(queued({ input: 'x' }), config)).toBe(true);
    expect(isCacheable(queued({ input: 'x', cache: false }), config)).toBe(false);
    expect(isCacheable(queued({ input: 'x' }), configOf())).toBe(false);
  });

  test('knows what was embedded, and in how many dimensions', () => {
    const keys = [{ input: 'x' }, { input: 'y' }, { input: ['x', 'y'] }, { input: 'x', dimensions: 8 }, { input: [1] }];
    expect(new Set(keys.map(keyOf)).size).toBe(keys.length);
    expect(keyOf({ input: ['x'] })).toBe(keyOf({ input: 'x' }));
  });

  test('and no check of a task is made', () => {
    const tasks = Config.shape.tasks.parse({ coding: { validate: ['json'] } });
    const start = { job: queued({ input: 'x', task: 'coding' }), maxAttempts: 3 };
    expect(checksOf(start as Parameters<typeof checksOf>[0], { tasks })).toEqual([]);
  });
});

function resultOf(embeddings: string[]): CompletedResult {
  const usage = { input_tokens: 7, output_tokens: 0 };
  return {
    ...resultBase({ jobId: 'j', job: { task: null, enqueued_at: 1 }, attempts: [], now: 2 }),
    status: 'completed',
    cost_nanos: 2_000,
    model: 'embed',
    provider: 'east',
    model_id: 'vendor/embed',
    completion: { content: null, embeddings, finish_reason: 'stop', usage },
    latency_ms: 1,
    cached: false,
  };
}

describe('vectors', () => {
  test('come out of base64 as the float32 numbers that went in', () => {
    fc.assert(
      fc.property(fc.float32Array({ minLength: 1, maxLength: 20, noNaN: true, noDefaultInfinity: true }), (numbers) => {
        expect(decodeVector(encodeVector(numbers))).toEqual(numbers);
      }),
      { numRuns: 50 },
    );
    expect(Buffer.from(encodeVector([1, -0.5]), 'base64')).toEqual(Buffer.from('0000803f000000bf', 'hex'));
    expect(vectorToJson(encodeVector([0.5, 1e39, -1e39, Number.NaN]))).toBe('[0.5,null,null,null]');
  });

  test('many of them hold up nobody', async () => {
    const vector = encodeVector(Float32Array.from({ length: 1_536 }, () => Math.random()));
    const result = resultOf(Array.from({ length: 320 }, () => vector));
    const context = { id: 'embd-1', created: 1, askedModel: 'embed' };
    const answer = embeddingsFace.toAnswer(result, { model: 'embed', input: 'x' }, context);
    let turns = 0;
    let isWaiting = true;
    const count = (): void => {
      turns += 1;
      if (isWaiting) setImmediate(count);
    };
    setImmediate(count);
    let text = '';
    for await (const chunk of answer as Readable) text += String(chunk);
    isWaiting = false;
    expect(turns).toBeGreaterThanOrEqual(19);
    expect(JSON.parse(text)).toEqual(embeddingsOf(result));
  });

  test('are told in the words of OpenAI, as numbers or as base64', () => {
    const embeddings = [encodeVector([0.5, 0.25]), encodeVector([1, 0])];
    const result = resultOf(embeddings);
    expect(embeddingsOf(result)).toEqual({
      object: 'list',
      data: [
        { object: 'embedding', index: 0, embedding: [0.5, 0.25] },
        { object: 'embedding', index: 1, embedding: [1, 0] },
      ],
      model: 'vendor/embed',
      usage: { prompt_tokens: 7, total_tokens: 7, cost: 0.000002 },
    });
    const written = (encoding?: 'base64'): unknown => JSON.parse([...writeEmbeddings(result, encoding)].join(''));
    expect(written()).toEqual(embeddingsOf(result));
    expect(written('base64')).toMatchObject({ data: [{ embedding: embeddings[0] }, { index: 1 }] });
  });
});

function lineOf(body: object): string {
  return JSON.stringify({ custom_id: 'a', method: 'POST', url: '/v1/embeddings', body: { model: 'embed', ...body } });
}

describe('the words of OpenAI', () => {
  test('are read', () => {
    const body = { model: 'embed', input: ['x'], encoding_format: 'base64', dimensions: null, user: 'u' };
    expect(readEmbeddingsRequest(body)).toEqual({
      ok: true,
      value: { model: 'embed', input: ['x'], encoding: 'base64', user: 'u' },
    });
    expect(readEmbeddingsRequest({ model: 'embed', inputs: 'x' })).toEqual({
      ok: false,
      problems: [{ path: [], message: 'unknown field "inputs" (did you mean "input"?)' }],
    });
  });

  const options = {
    intake: { config: CONFIG, lane: 'batch', now: () => 1 },
    defaults: { max_tokens: 9 },
    anyModel: false,
  };

  test('stand in lines of a batch, where numbers are given back', () => {
    const prepared = parseRow(lineOf({ input: ['x', 'y'], encoding_format: 'float', dimensions: 8 }), 1, options);
    expect(prepared).toMatchObject({ ok: true, job: { id: 'a', model: 'embed', input: ['x', 'y'], dimensions: 8 } });
    expect(prepared.ok && 'max_tokens' in prepared.job).toBe(false);
    expect(parseRow(lineOf({ input: 'x', encoding_format: 'base64' }), 1, options)).toMatchObject({
      problems: [{ path: ['body', 'encoding_format'] }],
    });
    expect(parseRow('{"input": "x", "model": "embed"}', 3, options)).toMatchObject({ ok: true, job: { id: 'line-3' } });
  });
});

function problemsOf(model: object, provider: object = {}): string[] {
  const config = {
    providers: { east: { base_url: 'https://east.test/v1', ...provider } },
    models: { m: { ...EMBED, ...model } },
  };
  const checked = check(Config, config);
  return checked.ok ? [] : checked.problems.map(formatProblem);
}

describe('the configuration', () => {
  test('says which models embed, and may not say it of those that cannot', () => {
    expect(problemsOf({})).toEqual([]);
    expect(problemsOf({ capabilities: ['json', 'embeddings'] })).toEqual([
      'models.m.capabilities: embeddings stands alone: a model with it embeds, and does not chat',
    ]);
    expect(problemsOf({}, { kind: 'anthropic' })).toEqual([
      'models.m.capabilities: embeddings: provider "east" is of kind anthropic, whose API has none',
    ]);
  });
});
