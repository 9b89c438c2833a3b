import type { Redis } from 'ioredis';
import type { Config } from '../domain/config.ts';
import { InputError } from '../domain/errors.ts';
import { FeedbackDetails, Score } from '../domain/feedback.ts';
import { check, formatProblem, show } from '../domain/issues.ts';
import type { CompletedResult, JobResult } from '../domain/result.ts';
import { type FeedbackEffect, createFeedbackStore } from '../store/feedback.ts';
import { createKeys } from '../store/keys.ts';
import { createLedger } from '../store/ledger.ts';
import type { Queues } from './queues.ts';

/** `cached`: nothing was counted, since the answer is that of another job, with which it is scored. */
export type FeedbackOutcome = FeedbackEffect | 'cached';

/** Or why it was refused, in one sentence. */
export type FeedbackReply = FeedbackOutcome | { refused: string };

/** A score for a job, checked. */
export type ScoredJob = { jobId: string; score: number; source: string; comment?: string | undefined };

export type FeedbackDesk = ReturnType<typeof createFeedbackDesk>;

/** Takes scores for finished jobs. */
export function createFeedbackDesk({ redis, config, queues }: { redis: Redis; config: Config; queues: Queues }) {
  const keys = createKeys(config.redis.prefix);
  const resultTtlMs = config.results.keep;
  const { results } = createLedger(redis, keys, { resultTtlMs });
  const store = createFeedbackStore(redis, keys, { resultTtlMs });

  /** Throws an InputError when it is refused. */
  async function give(scored: ScoredJob): Promise<FeedbackOutcome> {
    const [result] = await results([scored.jobId]);
    const reply = await giveFor(result, scored);
    if (typeof reply === 'object') throw new InputError(reply.refused);
    return reply;
  }

  /** What became of each; one that is refused does not keep the others from being taken. They share round trips. */
  async function giveAll(scores: readonly ScoredJob[]): Promise<FeedbackReply[]> {
    const found = await results(scores.map(({ jobId }) => jobId));
    return Promise.all(scores.map((scored, index) => giveFor(found[index], scored)));
  }

  async function giveFor(result: JobResult | undefined, scored: ScoredJob): Promise<FeedbackReply> {
    if (result === undefined) return { refused: await whyWithoutResult(scored.jobId) };
    const job = `job ${show(scored.jobId)}`;
    if (result.status === 'failed')
      return { refused: `${job} failed (${result.error.code}): it has no answer to score` };
    return result.cached ? 'cached' : store.give(toRecord(scored, result));
  }

  async function whyWithoutResult(jobId: string): Promise<string> {
    const job = `job ${show(jobId)}`;
    const isUnderWay = await queues.isUnderWay(jobId);
    return isUnderWay
      ? `${job} has not ended yet; score it when it has`
      : `${job} is unknown, or its result is forgotten`;
  }

  return { give, giveAll };
}

/** A score as somebody gives it; an InputError for one that is none. */
export function checkScore(jobId: string, score: number, details: FeedbackDetails): ScoredJob {
  const problems = [check(Score, score), check(FeedbackDetails, details)].flatMap((checked, index) =>
    checked.ok ? [] : checked.problems.map(({ path, message }) => ({ path: index === 0 ? ['score'] : path, message })),
  );
  if (problems.length > 0) throw new InputError(problems.map(formatProblem));
  return { jobId, score, ...FeedbackDetails.parse(details) };
}

function toRecord({ jobId, score, source, comment }: ScoredJob, result: CompletedResult) {
  const { model, task, variant, user } = result;
  // JSON leaves out what is undefined.
  return { job_id: jobId, model, task, score, source, variant, user, comment };
}
