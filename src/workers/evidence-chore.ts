import type { Redis } from 'ioredis';
import type { Config } from '../domain/config.ts';
import { createEvidenceFold } from '../store/evidence/fold.ts';
import { createFeedbackStream } from '../store/feedback-stream.ts';
import type { Keys } from '../store/keys.ts';
import type { Chore } from './chores.ts';

/** Whenever evidence changes, every worker works out anew what follows from it: not for each single score. */
const EVERY_MS = 10_000;

/**
 * Has routers learn from the scores and the lengths of answers, and keeps the feedback stream short. It may be killed at
 * any point: each page is counted once or not at all.
 */
export function evidenceChore(redis: Redis, keys: Keys, config: Pick<Config, 'models' | 'routing'>): Chore {
  const fold = createEvidenceFold(redis, keys, {
    familyOf: (alias) => (Object.hasOwn(config.models, alias) && config.models[alias]?.deployment_of) || alias,
    decay: config.routing.evidence_decay,
  });
  const stream = createFeedbackStream(redis, keys);
  return {
    name: 'evidence',
    everyMs: EVERY_MS,
    async run(signal) {
      await fold.catchUp({ signal });
      await stream.trim({ signal });
    },
  };
}
