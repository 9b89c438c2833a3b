import { hash } from 'node:crypto';
import type { UnitEvent } from '../../domain/experiment-fold.ts';
import type { ExperimentPlan } from '../../domain/experiment-standing.ts';
import type { UsageRecord } from '../../domain/usage.ts';
import { understandFeedback } from '../feedback-stream.ts';
import { timeOfId } from '../stream-id.ts';
import { type StreamEntry, understand } from '../usage-stream.ts';

/** What entries of both streams say of the units of one experiment. */
export function createEventReader(name: string, { measure, variants }: ExperimentPlan) {
  const known = new Set(variants);
  /** As it stands in the JSON of a record; names have nothing that would be escaped. */
  const mark = `"variant":"${name}:`;

  function variantIn(label: string | undefined): string | undefined {
    const variant = label?.startsWith(`${name}:`) ? label.slice(name.length + 1) : undefined;
    return variant !== undefined && known.has(variant) ? variant : undefined;
  }

  /** Calls, also those that failed: the unit was assigned. An answer from the cache was not measured. */
  function ofUsage(entry: StreamEntry): UnitEvent[] {
    if (!mentions(entry, mark)) return [];
    return understand(entry).flatMap(({ id, record }) => {
      const variant = variantIn(record.variant);
      if (variant === undefined || record.outcome === 'correction') return [];
      const unit = unitOf(record);
      const isMeasured = measure !== 'score' && record.outcome !== 'cached';
      const amount = isMeasured ? (measure === 'cost' ? record.cost_nanos : record.latency_ms) : 0;
      return [{ unit, variant, amount, isLast: isMeasured && record.outcome === 'completed', at: timeOfId(id) }];
    });
  }

  /** Scores, those of corrections too: the unit has counted with its first one by then. */
  function ofFeedback(entry: StreamEntry): UnitEvent[] {
    if (!mentions(entry, mark)) return [];
    return understandFeedback(entry).flatMap(({ feedback }) => {
      const variant = variantIn(feedback.variant);
      if (variant === undefined) return [];
      return [{ unit: unitOf(feedback), variant, amount: feedback.score, isLast: true, at: feedback.at }];
    });
  }

  return { ofUsage, ofFeedback };
}

/** Most entries are of other jobs, and reading one as JSON takes a hundred times as long. */
function mentions([, fields]: StreamEntry, mark: string): boolean {
  return fields.some((field) => field.includes(mark));
}

/** Who was assigned: the user, else the job. As a digest, so that no ids of users are kept. */
function unitOf({ user, job_id }: Pick<UsageRecord, 'user' | 'job_id'>): string {
  return hash('sha256', user ?? job_id, 'base64url').slice(0, 16);
}
