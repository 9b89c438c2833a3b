import { createHash } from 'node:crypto';
import type { Config } from '../domain/config.ts';
import { type QueuedJob, isEmbedding, requestOf } from '../domain/job.ts';
import type { AnswerCheck } from '../domain/validation.ts';
import type { Candidate } from '../router/index.ts';

/**
 * Whether this job may be answered from the cache: switched on, and either asked for or sure to be answered alike again:
 * at temperature 0, or with vectors. A job that says no temperature gets the model's own, which is above 0.
 */
export function isCacheable(job: QueuedJob, { cache }: Config): boolean {
  if (!cache.enabled || job.cache === false) return false;
  return job.cache === true || cache.any_temperature || job.temperature === 0 || isEmbedding(job);
}

/**
 * Digest of who asks, whom, and what. The account is in it: answers never cross tenants. So is the model: an answer is
 * never booked under one that did not give it, and the variants of an experiment keep apart. So is what it was checked
 * for: an answer that is good enough for one job need not be for another.
 */
export function cacheKeyOf(
  job: QueuedJob,
  { model, maxTokens }: Candidate,
  checks: readonly AnswerCheck[] = [],
): string {
  const identity = {
    account: job.account,
    provider: model.provider,
    model: model.id,
    request: requestOf(job, maxTokens),
    ...(checks.length === 0 ? {} : { checks: [...new Set(checks)].toSorted() }),
  };
  return createHash('sha256').update(JSON.stringify(identity, inOrder)).digest('hex');
}

/** The order of an object's fields, as in a tool's schema, asks for nothing else. */
function inOrder(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).toSorted(([one], [other]) => (one < other ? -1 : 1)));
}
