import { describe, expect, it } from 'vitest';
import { createRouter, explainRoute, type Knowledge, type RouteQuestion, whyEmpty } from '../../src/router/index.ts';
import { configOf, knowledgeWith, MODELS, NOW, questionWith } from './router-fixture.ts';

const router = createRouter(configOf());

function explain(question: Partial<RouteQuestion>, knowledge: Partial<Knowledge> = {}): string[] {
  return explainRoute(router.route(questionWith(question), knowledgeWith(knowledge)));
}

function why(question: Partial<RouteQuestion>, knowledge: Partial<Knowledge> = {}): string {
  const asked = questionWith(question);
  const route = router.route(asked, knowledgeWith(knowledge));
  expect(route.chain).toEqual([]);
  return whyEmpty(route, asked);
}

describe('explaining a route', () => {
  it('has one line for each model: the chain in its order, then who is out', () => {
    const lines = explain({ maxCostNanos: 10_000_000, strategy: 'cost' });
    expect(lines).toHaveLength(3);
    expect(lines[0]).toMatch(/^1\. nano: score 0\.40, .*\$0\.00025.*up to \$0\.00050.*400 ms.*utility/);
    expect(lines[1]).toContain('2. mid');
    expect(lines[2]).toContain('big: left out, costs up to $0.0500, the job allows $0.0100');
  });

  it('names the models that come after the chain, too', () => {
    const models = Object.fromEntries(Array.from({ length: 25 }, (_, index) => [`m${10 + index}`, MODELS['nano']!]));
    const route = createRouter(configOf({ models })).route(questionWith({ tried: ['m10'] }), knowledgeWith());
    const lines = explainRoute(route);
    expect(new Set(lines.map((line) => line.match(/m\d\d/)?.[0]))).toEqual(new Set(Object.keys(models)));
    expect(lines).toHaveLength(25);
    expect(lines[20]).toMatch(/^\+ {2}m31: score 0\.40, .*comes after the chain$/);
    expect(lines.at(-1)).toBe('-  m10: left out, was tried already');
  });

  it.each<[string, Partial<RouteQuestion>, Partial<Knowledge>]>([
    ['big: left out, takes 9000 ms, the job allows 2000 ms', { maxLatencyMs: 2_000 }, {}],
    ['nano: left out, lacks tools, vision', { needs: ['tools', 'vision'] }, {}],
    ['nano: left out, was tried already', { tried: ['nano'] }, {}],
    ['mid: left out, its provider west has a key that failed', { avoidProviders: ['west'] }, {}],
    ['mid: left out, is not among the models that this job may use', { models: ['nano'] }, {}],
    ['needs about 128500 tokens, its context has 128000', { inputTokens: { expected: 127_500, bound: 255_000 } }, {}],
    ['its context of 128000 tokens is not larger than 128000', { minContextTokens: 128_000 }, {}],
    ['takes no calls until 2026-11-22T12:00:05Z', {}, { benchedUntil: new Map([['mid', NOW + 5_000]]) }],
    ['takes no calls until further notice', {}, { benchedUntil: new Map([['mid', Infinity]]) }],
    [
      'a small model where the prompt looks like work for a large one',
      { task: null, promptText: 'Prove it: why? ```' },
      {},
    ],
  ])('%s', (words, question, knowledge) => {
    expect(explain(question, knowledge).join('\n')).toContain(words);
  });
});

describe('why no model may serve a job', () => {
  it('names the cost limit and the cheapest model', () => {
    expect(why({ maxCostNanos: 100_000 })).toBe(
      'no model satisfies max_cost_usd $0.00010: the cheapest that could is nano at up to $0.00050 (1000 prompt tokens at the most)',
    );
  });

  it('names the limit of the models that came nearest, and counts the others', () => {
    expect(why({ maxLatencyMs: 100, maxCostNanos: 500_000, tried: ['mid'] })).toBe(
      'no model satisfies max_latency_ms 100: the fastest that could is nano at 900 ms; of the others 1 too dear, 1 tried already',
    );
  });

  it.each<[string, Partial<RouteQuestion>, Partial<Knowledge>]>([
    [
      'the first that does again is mid at 2026-11-22T12:00:01Z',
      { models: ['nano', 'mid'] },
      {
        benchedUntil: new Map([
          ['nano', NOW + 2_000],
          ['mid', NOW + 1_000],
        ]),
      },
    ],
    ['can do all that it needs: reasoning', { needs: ['reasoning'] }, {}],
    ['every model that this job may use was tried: nano', { models: ['nano'], tried: ['nano'] }, {}],
    ['none of the models that this job may use is configured: gone', { models: ['gone'] }, {}],
    [
      'room for about 200000 prompt tokens and up to 1000 for the answer',
      { inputTokens: { expected: 200_000, bound: 400_000 } },
      {},
    ],
    ['a larger context than 128000 tokens', { minContextTokens: 128_000 }, {}],
    ['a provider whose key failed: east, west', { avoidProviders: ['east', 'west'] }, {}],
  ])('%s', (words, question, knowledge) => {
    expect(why(question, knowledge)).toContain(words);
  });
});
