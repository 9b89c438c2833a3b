import { createHash } from 'node:crypto';
import type { Config } from '../domain/config.ts';
import { type QueuedJob, chatRequestOf } from '../domain/job.ts';
import type { Candidate } from '../router/index.ts';

/** Whether this job may be answered from the cache: switched on, and either deterministic by its temperature or asked for. */
export function isCacheable(job: QueuedJob, config: Config): boolean {
  if (!config.cache.enabled || job.cache === false) return false;
  return job.cache === true || (job.temperature ?? 0) === 0;
}

/**
 * Digest of who asks, whom, and what. The account is in it: answers never cross tenants. So is the model: an answer is
 * never booked under one that did not give it, and the variants of an experiment keep apart.
 */
export function cacheKeyOf(job: QueuedJob, { model, maxTokens }: Candidate): string {
  const identity = {
    account: job.account,
    provider: model.provider,
    model: model.id,
    request: chatRequestOf(job, maxTokens),
  };
  return createHash('sha256').update(JSON.stringify(identity)).digest('hex');
}
