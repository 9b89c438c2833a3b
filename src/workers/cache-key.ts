import { createHash } from 'node:crypto';
import type { Config } from '../domain/config.ts';
import { type QueuedJob, chatRequestOf, messagesOf } from '../domain/job.ts';

/** Whether this job may be answered from the cache: switched on, and either deterministic by its temperature or asked for. */
export function isCacheable(job: QueuedJob, config: Config): boolean {
  if (!config.cache.enabled || job.cache === false) return false;
  return job.cache === true || (job.temperature ?? 0) === 0;
}

/** Digest of who asks and of everything that shapes the answer. The account is in it: answers never cross tenants. */
export function cacheKeyOf(job: QueuedJob): string {
  const { parameters } = chatRequestOf(job, 1);
  const identity = {
    account: job.account,
    task: job.task,
    models: job.models ?? job.model ?? null,
    messages: messagesOf(job),
    maxTokens: job.max_tokens ?? null,
    parameters,
  };
  return createHash('sha256').update(JSON.stringify(identity)).digest('hex');
}
