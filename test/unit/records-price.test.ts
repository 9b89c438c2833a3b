import { describe, expect, it } from 'vitest';
import { type ErrorDetails, GatewayError } from '../../src/domain/errors.ts';
import type { Completion } from '../../src/domain/result.ts';
import { type TokenUsage, UsageRecord } from '../../src/domain/usage.ts';
import { createRouter } from '../../src/router/index.ts';
import {
  type Attempt,
  type Ending,
  endingOfCompletion,
  endingOfFailure,
  endingOfSilence,
  usageRecordOf,
} from '../../src/workers/records.ts';
import { configOf, knowledgeWith, type ModelInput, NOW, questionWith } from './router-fixture.ts';

const PRICE = { input: 1, output: 4, cached_input: 0.1 };
const MODELS = {
  own: { provider: 'east', id: 'own', price: PRICE },
  looked: { provider: 'east', id: 'looked', price: PRICE, price_source: 'genai-prices@1.2.3' },
  unknown: { provider: 'east', id: 'unknown' },
} satisfies Record<string, ModelInput>;

const router = createRouter(configOf({ models: MODELS, routing: { allow_unpriced: true } }));

function attemptOn(alias: keyof typeof MODELS): Attempt {
  const question = questionWith({ models: [alias] });
  const [candidate] = router.route(question, knowledgeWith()).chain;
  if (candidate === undefined) throw new Error('nobody would be asked');
  return {
    start: {
      jobId: 'j',
      job: { v: 1, task: null, lane: 'batch', account: 'default', enqueued_at: NOW },
      attemptsStarted: 1,
      attemptsMade: 0,
      stalls: 0,
      maxAttempts: 4,
      deferrals: 0,
    },
    candidate,
    key: 'default',
    inputTokens: question.inputTokens,
    maxLatencyMs: 1_000,
    variant: undefined,
    startedAt: NOW,
  };
}

const USAGE: TokenUsage = { input_tokens: 1_000, output_tokens: 100, cached_input_tokens: 500 };
const NANOS = 500 * 1_000 + 500 * 100 + 100 * 4_000;
const answer = (more: Partial<Completion> = {}): Completion => ({
  content: 'yes',
  finish_reason: 'stop',
  usage: USAGE,
  ...more,
});
const failure = (details: ErrorDetails): GatewayError => new GatewayError('PROVIDER_BAD_RESPONSE', 'no use', details);

function recordOf(alias: keyof typeof MODELS): object {
  return usageRecordOf(attemptOn(alias), endingOfCompletion(attemptOn(alias), answer(), 5), NOW);
}

describe('the record of a call', () => {
  it('has the cost by the price of the model, and who says that price', () => {
    expect(recordOf('own')).toMatchObject({ cost_nanos: NANOS, price_source: 'config', cached_input_tokens: 500 });
    expect(recordOf('looked')).toMatchObject({ cost_nanos: NANOS, price_source: 'genai-prices@1.2.3' });
  });

  it('has what the provider says that it charges, where it says so', () => {
    const ending = endingOfCompletion(attemptOn('looked'), answer({ billed_nanos: 7 }), 5);
    expect(ending).toMatchObject({ costNanos: 7, priceSource: 'provider' });
    const failed = endingOfFailure(attemptOn('looked'), failure({ billed: { usage: USAGE, nanos: 9 } }), 5);
    expect(failed).toMatchObject({ costNanos: 9, priceSource: 'provider' });
  });

  it('of a model that nobody knows the price of counts as free, and says so', () => {
    expect(endingOfCompletion(attemptOn('unknown'), answer(), 5)).toMatchObject({
      costNanos: 0,
      priceSource: 'unknown',
    });
    expect(endingOfSilence(attemptOn('unknown'))).toMatchObject({ costNanos: 0, priceSource: 'unknown' });
    const billed = endingOfCompletion(attemptOn('unknown'), answer({ billed_nanos: 7 }), 5);
    expect(billed).toMatchObject({ costNanos: 7, priceSource: 'provider' });
  });

  it('that was answered has what was expected of its prompt, where the provider counted it', () => {
    const attempt = attemptOn('own');
    const recordAfter = (ending: Ending): UsageRecord => usageRecordOf(attempt, ending, NOW);
    const answered = recordAfter(endingOfCompletion(attempt, answer(), 5));
    expect(UsageRecord.parse(answered)).toMatchObject({
      input_tokens: 1_000,
      estimated_input_tokens: attempt.inputTokens.expected,
    });
    const others = [
      endingOfCompletion(attempt, answer({ usage: { ...USAGE, estimated: true } }), 5),
      { ...endingOfCompletion(attempt, answer(), 0), outcome: 'cached' as const },
      endingOfFailure(attempt, failure({ billed: { usage: USAGE } }), 5),
      endingOfSilence(attempt),
    ];
    for (const ending of others) expect(recordAfter(ending).estimated_input_tokens).toBeUndefined();
  });

  it('that failed has what it used, or the bound where nobody knows', () => {
    const attempt = attemptOn('looked');
    const bound = { costNanos: attempt.candidate.boundNanos, priceSource: 'genai-prices@1.2.3' };
    expect(endingOfFailure(attempt, failure({ billed: { usage: USAGE } }), 5)).toMatchObject({ costNanos: NANOS });
    expect(endingOfFailure(attempt, failure({}), 5)).toMatchObject({ costNanos: 0, outcome: 'failed' });
    expect(endingOfFailure(attempt, failure({ billUnknown: true }), 5)).toMatchObject(bound);
    expect(endingOfSilence(attempt)).toMatchObject(bound);
    expect(attempt.candidate.boundNanos).toBeGreaterThan(0);
  });
});
