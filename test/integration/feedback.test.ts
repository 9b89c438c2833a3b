import { describe, expect, test } from 'vitest';
import type { Feedback } from '../../src/domain/feedback.ts';
import { readEvidence } from '../../src/store/evidence/reader.ts';
import { createFeedbackStream } from '../../src/store/feedback-stream.ts';
import { endJob, scoresIn } from '../support/feedback-steps.ts';
import { type Stores, threeModels, until, useHarness } from '../support/harness.ts';
import { answeredAttempt, cachedEnding, sendOut } from '../support/ledger-steps.ts';

const openHarness = useHarness();

async function feedbackIn({ redis, keys }: Stores): Promise<Feedback[]> {
  const all: Feedback[] = [];
  for await (const page of createFeedbackStream(redis, keys).read()) all.push(...page.map(({ feedback }) => feedback));
  return all;
}

describe('a score for a job', () => {
  test('is noted with the model, task, user and variant of its answer', async () => {
    const harness = await openHarness({
      config: { tasks: { simple: {} }, experiments: { trial: { variants: { a: { weight: 1 }, b: { weight: 0 } } } } },
    });
    await harness.startPool();
    const { id } = await harness.producer.enqueue({ prompt: 'hello', task: 'simple', user: 'ann' });
    await harness.producer.waitFor(id, { timeoutMs: 10_000 });
    const details = { source: 'ada', comment: 'good enough' };
    expect(await harness.producer.feedback(id, 0.75, details)).toEqual({ outcome: 'counted' });
    expect(await harness.producer.feedback(id, 0.75, details)).toEqual({ outcome: 'unchanged' });
    expect(await harness.producer.feedback(id, 1)).toEqual({ outcome: 'counted' });
    expect(await harness.producer.feedback(id, 0.5)).toEqual({ outcome: 'corrected' });
    const given = { job_id: id, model: 'small', task: 'simple', user: 'ann', variant: 'trial:a' };
    expect(await feedbackIn(harness)).toMatchObject([
      { ...given, ...details, score: 0.75 },
      { ...given, source: 'feedback', score: 1 },
      { ...given, source: 'feedback', score: 0.5, previous: 1 },
    ]);
  });

  test('is learned by the workers, and has them ask the better model', async () => {
    const models = threeModels();
    const harness = await openHarness({
      config: { tasks: { simple: {} }, models, routing: { strategy: 'task', default_max_tokens: 256 } },
    });
    for (let job = 0; job < 40; job += 1) {
      const model = job % 2 === 0 ? 'medium' : 'small';
      await endJob(harness, `j-${job}`, { model, task: 'simple' });
      await harness.producer.feedback(`j-${job}`, model === 'medium' ? 1 : 0);
    }
    const pool = await harness.startPool();
    const learned = await until('the scores are learned', async () => {
      const { 'medium simple': scores } = scoresIn(await readEvidence(harness.redis, harness.keys));
      return scores !== undefined && scores.n > 19 ? scores : undefined;
    });
    expect(learned.sum).toBeCloseTo(learned.n, 9);
    await pool.stop();
    // One that starts has read what was learned; one that runs reads it every second.
    await harness.startPool();
    const [result] = await harness.run([{ prompt: 'hello', task: 'simple' }]);
    expect(result).toMatchObject({ status: 'completed', model: 'medium' });
  });

  test('is refused for one that is unknown, has not ended or has failed, and when it is none', async () => {
    const harness = await openHarness({ faults: [{ model: '*', kind: 400, rate: 1 }] });
    const { producer } = harness;
    const { id } = await producer.enqueue({ prompt: 'hello' });
    await expect(producer.feedback('j-none', 1)).rejects.toThrow('job "j-none" is unknown, or its result is forgotten');
    await expect(producer.feedback(id, 1)).rejects.toThrow(`job "${id}" has not ended yet; score it when it has`);
    await harness.startPool();
    await producer.waitFor(id, { timeoutMs: 10_000 });
    await expect(producer.feedback(id, 1)).rejects.toThrow(
      /^job "j-.*" failed \([A-Z_]+\): it has no answer to score$/,
    );
    await expect(producer.feedback(id, 1.5, { source: 'expect' })).rejects.toThrow(
      /^score: must be.*\nsource: "expect"/,
    );
    await expect(producer.feedback(id, Number.NaN)).rejects.toThrow(/^score: /);
    expect(await feedbackIn(harness)).toEqual([]);
  });

  test('is left out where the answer is from the cache: it is scored with the job that it is from', async () => {
    const harness = await openHarness({ config: { cache: { enabled: true } } });
    await harness.startPool();
    const ask = async (): Promise<string> => {
      const { id } = await harness.producer.enqueue({ prompt: 'hello', temperature: 0, expect: { contains: 'e' } });
      await harness.producer.waitFor(id, { timeoutMs: 10_000 });
      return id;
    };
    const [first, second] = [await ask(), await ask()];
    expect((await harness.ledger.results([second]))[0]).toMatchObject({ cached: true });
    expect(await harness.producer.feedback(second, 1)).toEqual({ outcome: 'cached' });
    expect(await feedbackIn(harness)).toMatchObject([{ job_id: first, source: 'expect' }]);
  });
});

describe('the score of an expectation', () => {
  const score = 0.5;

  test('is written with the result, once however often that is settled', async () => {
    const harness = await openHarness();
    await sendOut(harness.ledger, { job: 'a', hold: 10 });
    const ending = answeredAttempt({ job: 'a', cost: 5 });
    const request = { ...ending, result: { ...ending.result, status: 'completed' as const, score } };
    const settle = () => harness.ledger.settle(request as typeof ending);
    await Promise.all([settle(), settle()]);
    await settle();
    expect(await feedbackIn(harness)).toEqual([
      { job_id: 'a', model: 'small', task: null, score, source: 'expect', at: expect.any(Number) as number },
    ]);
  });

  test('is not written for an answer from the cache, nor without an expectation', async () => {
    const harness = await openHarness();
    await sendOut(harness.ledger, { job: 'a', hold: 10 });
    await harness.ledger.settle(answeredAttempt({ job: 'a', cost: 5 }));
    const cached = cachedEnding({ job: 'b' });
    await harness.ledger.settle({ ...cached, result: { ...cached.result, score } } as typeof cached);
    expect(await feedbackIn(harness)).toEqual([]);
  });

  test('does not keep a job from ending where the stream cannot be written to', async () => {
    const harness = await openHarness();
    await harness.redis.set(harness.keys.feedback, 'no stream');
    await sendOut(harness.ledger, { job: 'a', hold: 10 });
    const ending = answeredAttempt({ job: 'a', cost: 5 });
    await harness.ledger.settle({ ...ending, result: { ...ending.result, score } } as typeof ending);
    expect((await harness.ledger.results(['a']))[0]).toMatchObject({ status: 'completed', score });
    expect(await harness.money()).toEqual({ spentNanos: 5, heldNanos: 0 });
  });
});
