import { nanosToUsd } from '../domain/money.ts';
import type { JobResult } from '../domain/result.ts';
import type { QueueEntry } from '../producer/index.ts';

/** What can be told of a job before it has ended. */
export function jobHeaders({ id, job }: QueueEntry): Record<string, string> {
  return { 'x-sluice-job-id': id, 'x-sluice-lane': job.lane };
}

/** Who answered, what it cost, and all that was tried: `x-sluice-trail: small PROVIDER_FAILED, medium completed`. */
export function answerHeaders(result: JobResult): Record<string, string> {
  const { attempts } = result;
  const trail = attempts.map(({ model, outcome, error_code: code }) => `${model} ${code ?? outcome}`).join(', ');
  return {
    'x-sluice-attempts': String(attempts.length),
    ...(trail !== '' && { 'x-sluice-trail': trail }),
    'x-sluice-cost-usd': String(nanosToUsd(result.cost_nanos)),
    'x-sluice-total-ms': String(result.total_ms),
    ...(result.task !== null && { 'x-sluice-task': result.task }),
    ...(result.status === 'completed' && {
      'x-sluice-model': result.model,
      'x-sluice-provider': result.provider,
      'x-sluice-latency-ms': String(result.latency_ms),
      'x-sluice-cached': String(result.cached),
      ...(result.variant !== undefined && { 'x-sluice-variant': result.variant }),
    }),
  };
}
