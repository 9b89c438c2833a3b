import { z } from 'zod';
import type { CallerClaim } from './gate.ts';
import type { QueuedJob } from './job.ts';
import { Name } from './name.ts';
import { RateLimits } from './provider-config.ts';

/** What callers are told apart by. */
const CALLER_KINDS = ['user', 'account', 'task', 'lane'] as const;

/** What those for whom calls are made may ask for, whatever the model. */
export const LimitConfig = z
  .strictObject({
    /** Each user (or account, task, lane) has all of it; jobs that name none share one. Without it all jobs share it. */
    per: z.enum(CALLER_KINDS).optional(),
    /** Jobs that it covers: those that match all that is said here; none said covers every job. */
    user: z.string().optional(),
    account: Name.optional(),
    task: Name.optional(),
    lane: z.string().optional(),
    ...RateLimits.shape,
  })
  .refine(
    (limit) => Object.keys(RateLimits.shape).some((name) => limit[name as keyof RateLimits] !== undefined),
    'limits nothing; give requests_per_minute, tokens_per_minute or concurrency',
  );
export type LimitConfig = z.infer<typeof LimitConfig>;

/** The limits that cover a job, with whose share of each it takes. */
export function callersOf(job: QueuedJob, limits: Readonly<Record<string, LimitConfig>>): CallerClaim[] {
  return Object.entries(limits)
    .filter(([, limit]) => CALLER_KINDS.every((kind) => limit[kind] === undefined || limit[kind] === job[kind]))
    .map(([name, { per, requests_per_minute, tokens_per_minute, concurrency }]) => ({
      limit: name,
      ...(per === undefined ? {} : { caller: job[per] ?? '' }),
      limits: { requests_per_minute, tokens_per_minute, concurrency },
    }));
}
