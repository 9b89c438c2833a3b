import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Strategy } from '../../src/domain/job.ts';
import { CAPABILITIES, type Capability, TIERS } from '../../src/domain/model.ts';
import {
  type Candidate,
  createRouter,
  guessComplexity,
  type Knowledge,
  type Route,
  type RouteQuestion,
} from '../../src/router/index.ts';
import { configOf, knowledgeWith, type ModelInput, NOW, questionWith, seededRandom } from './router-fixture.ts';

const PROVIDERS = ['east', 'west'];
const ALIASES = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];

const ABLE_TO_CHAT = CAPABILITIES.filter((capability) => capability !== 'embeddings');

const model = fc.record({
  provider: fc.constantFrom(...PROVIDERS),
  id: fc.constant('vendor/model'),
  price: fc.record({ input: fc.constantFrom(0, 0.1, 1, 10), output: fc.constantFrom(0, 0.4, 4, 40) }),
  context: fc.constantFrom(2_000, 8_000, 128_000),
  max_output: fc.constantFrom(100, 16_384),
  capabilities: fc.oneof(
    { weight: 3, arbitrary: fc.subarray<Capability>(ABLE_TO_CHAT) },
    fc.constant<Capability[]>(['embeddings']),
  ),
  tier: fc.constantFrom(...TIERS),
  scores: fc.record({ coding: fc.double({ min: 0, max: 1, noNaN: true }) }),
  latency: fc.integer({ min: 0, max: 5_000 }).map((p50) => ({ p50: `${p50}ms`, p95: `${2 * p50}ms` })),
  weight: fc.constantFrom(0, 1, 5),
}) satisfies fc.Arbitrary<ModelInput>;
const models = fc.dictionary(fc.constantFrom(...ALIASES), model, { minKeys: 1, noNullPrototype: true });

const question: fc.Arbitrary<RouteQuestion> = fc
  .record(
    {
      task: fc.constantFrom('coding', 'undeclared', null),
      strategy: fc.constantFrom(...Strategy.options),
      models: fc.subarray(ALIASES, { minLength: 1 }),
      needs: fc.subarray(ABLE_TO_CHAT, { maxLength: 1 }),
      bound: fc.integer({ min: 1, max: 10_000 }),
      maxTokens: fc.integer({ min: 1, max: 4_000 }),
      longestInputTokens: fc.integer({ min: 1, max: 4_000 }),
      maxCostNanos: fc.integer({ min: 0, max: 100_000_000 }),
      maxLatencyMs: fc.integer({ min: 1, max: 10_000 }),
      tried: fc.subarray(ALIASES),
      avoidProviders: fc.subarray(PROVIDERS, { maxLength: 1 }),
      minContextTokens: fc.constantFrom(1_000, 2_000, 8_000),
      promptText: fc.constantFrom('hello', 'Prove step by step that the function is correct'),
    },
    { requiredKeys: ['task', 'needs', 'bound', 'maxTokens', 'tried'] },
  )
  .map(({ bound, ...rest }) => {
    const inputTokens = { expected: Math.ceil(bound / 2), bound };
    const embeds = rest.longestInputTokens !== undefined && { maxTokens: 0 };
    return questionWith({ ...rest, ...embeds, inputTokens });
  });

const knowledge: fc.Arbitrary<Knowledge> = fc
  .record({
    latencies: fc.dictionary(
      fc.constantFrom(...ALIASES),
      fc.record({
        p50: fc.integer({ max: 3_000, min: 1 }),
        p95: fc.integer({ min: 3_000, max: 9_000 }),
        count: fc.nat(30),
      }),
    ),
    benched: fc.dictionary(fc.constantFrom(...ALIASES), fc.integer({ min: NOW - 1_000, max: NOW + 1_000 })),
    seed: fc.nat(),
  })
  .map(({ latencies, benched, seed }) =>
    knowledgeWith({
      latencies: new Map(Object.entries(latencies)),
      benchedUntil: new Map(Object.entries(benched)),
      random: seededRandom(seed),
    }),
  );

/** With what is listed only when it is read. */
const wholeOf = (route: Route): Route => ({
  ...route,
  alsoEligible: route.alsoEligible,
  dropped: route.dropped,
});
const aliasesOf = (chain: readonly { model: { alias: string } }[]): string[] => chain.map((each) => each.model.alias);

describe('what always holds', () => {
  it('every model is in the chain, after it or among the dropped, exactly once, and no candidate breaks a rule', () => {
    fc.assert(
      fc.property(models, question, knowledge, (models, question, knowledge) => {
        const route = createRouter(configOf({ models })).route(question, knowledge);
        const candidates = [...route.chain, ...route.alsoEligible];
        const everywhere = [...aliasesOf(candidates), ...route.dropped.map(({ alias }) => alias)];
        expect(everywhere.toSorted()).toEqual(Object.keys(models).toSorted());
        for (const { model, maxTokens, boundNanos, predicted } of candidates) {
          expect(question.tried).not.toContain(model.alias);
          expect(question.models ?? [model.alias]).toContain(model.alias);
          expect(question.avoidProviders ?? []).not.toContain(model.provider);
          const contextTokens = question.longestInputTokens ?? question.inputTokens.expected;
          expect(contextTokens + maxTokens).toBeLessThanOrEqual(model.contextTokens);
          expect(model.capabilities.has('embeddings')).toBe(question.longestInputTokens !== undefined);
          expect(boundNanos).toBeLessThanOrEqual(question.maxCostNanos ?? Infinity);
          expect(predicted.costNanos).toBeLessThanOrEqual(boundNanos);
          expect(knowledge.benchedUntil.get(model.alias) ?? 0).toBeLessThanOrEqual(knowledge.now);
        }
      }),
    );
  });

  it('raising the cost limit never makes a model ineligible', () => {
    fc.assert(
      fc.property(models, question, knowledge, fc.nat(100_000_000), (models, question, knowledge, more) => {
        const { route } = createRouter(configOf({ models }));
        const maxCostNanos = question.maxCostNanos ?? 0;
        const eligibleAt = (limit: number): string[] => {
          const { chain, alsoEligible } = route({ ...question, maxCostNanos: limit }, knowledge);
          return aliasesOf([...chain, ...alsoEligible]);
        };
        const before = eligibleAt(maxCostNanos);
        const after = eligibleAt(maxCostNanos + more);
        expect(after).toEqual(expect.arrayContaining(before));
      }),
    );
  });

  it('the order of the models in the configuration changes nothing, except under `order`', () => {
    const deterministic = fc.constantFrom<Strategy>('hybrid', 'cost', 'latency', 'task');
    fc.assert(
      fc.property(
        models,
        question,
        knowledge,
        deterministic,
        fc.nat(),
        (models, question, knowledge, strategy, seed) => {
          const random = seededRandom(seed);
          const shuffled = Object.fromEntries(
            Object.entries(models)
              .map((entry) => ({ entry, key: random() }))
              .toSorted((left, right) => left.key - right.key)
              .map(({ entry }) => entry),
          );
          const asked = { ...question, strategy };
          const one = createRouter(configOf({ models })).route(asked, knowledge);
          const other = createRouter(configOf({ models: shuffled })).route(asked, knowledge);
          expect(wholeOf(other)).toEqual(wholeOf(one));
        },
      ),
    );
  });

  it('the chain is in the order of the utilities, but for the second, who is of another provider if anybody is', () => {
    fc.assert(
      fc.property(models, question, knowledge, (models, question, knowledge) => {
        const fresh = { ...question, tried: [] };
        const { chain, tier = 'small' } = createRouter(configOf({ models })).route(fresh, knowledge);
        const isBelow = ({ model }: Candidate): boolean => TIERS.indexOf(model.tier) < TIERS.indexOf(tier);
        const [able, below] = [chain.filter((each) => !isBelow(each)), chain.filter(isBelow)];
        expect(chain).toEqual([...able, ...below]);
        const [first, second, ...others] = able;
        if (first && second && second.model.provider === first.model.provider) {
          expect(others.every(({ model }) => model.provider === first.model.provider)).toBe(true);
        }
        const rest = first ? [first, ...others] : [];
        for (const utilities of [rest, below].map((part) => part.map(({ utility }) => utility))) {
          expect(utilities).toEqual(utilities.toSorted((left, right) => (left > right ? -1 : left < right ? 1 : 0)));
        }
      }),
    );
  });

  it('no prompt text makes the router throw, and the same text is always judged alike', () => {
    const router = createRouter(configOf());
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 1, maxLength: 2_000 }), (prompt) => {
        const question = router.question({ prompt });
        expect(router.route(question, knowledgeWith()).chain.length).toBeGreaterThan(0);
        expect(question.inputTokens.bound).toBeGreaterThanOrEqual(question.inputTokens.expected);
        expect(guessComplexity(prompt)).toEqual(guessComplexity(prompt));
      }),
    );
    const lone = '\ud800'.repeat(3_000) + '\0'.repeat(3_000);
    expect(router.route(router.question({ prompt: lone, user: '\udfff' }), knowledgeWith()).chain).toHaveLength(3);
  });
});
