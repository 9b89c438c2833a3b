import type { Redis } from 'ioredis';
import { createFeedbackStream, understandFeedback } from '../feedback-stream.ts';
import type { Keys } from '../keys.ts';
import { FIRST_ID } from '../stream-id.ts';
import { type StreamEntry, createUsageStream, understand } from '../usage-stream.ts';
import { type FamilyOf, type Figure, figuresOfFeedback, figuresOfUsage } from './figures.ts';
import { FOLD_PAGE } from './scripts.ts';

/** Few enough that Redis is not held up for long by the script that counts them. */
const PAGE = 100;

export type EvidenceFold = ReturnType<typeof createEvidenceFold>;

type Source = {
  /** The hash and its field that say how far it is read. */
  positions: string;
  reader: string;
  page: (options: { afterId: string; count: number }) => Promise<StreamEntry[]>;
  figuresOf: (entries: readonly StreamEntry[]) => Figure[];
};

/**
 * Takes what the streams tell into the evidence: scores from feedback, the length of answers from usage. It may be killed
 * at any point, and run in many places at once: each page counts once or not at all. Usage that was archived before
 * it was read here is left out: it is old, and only the newest few hundred figures of a cell weigh anything.
 */
export function createEvidenceFold(
  redis: Redis,
  keys: Keys,
  { familyOf, decay }: { familyOf: FamilyOf; /** What a figure counts for after the next one, 0..1. */ decay: number },
) {
  const feedback: Source = {
    positions: keys.feedbackReaders,
    reader: 'evidence',
    page: createFeedbackStream(redis, keys).page,
    figuresOf: (entries) => figuresOfFeedback(entries.flatMap(understandFeedback), keys, familyOf),
  };
  const usage: Source = {
    positions: keys.evidence,
    reader: 'usage',
    page: createUsageStream(redis, keys).page,
    figuresOf: (entries) => figuresOfUsage(entries.flatMap(understand), familyOf),
  };

  async function catchUpWith(source: Source, signal: AbortSignal | undefined): Promise<number> {
    const { positions, reader, page, figuresOf } = source;
    let done = 0;
    for (;;) {
      signal?.throwIfAborted();
      const afterId = (await redis.hget(positions, reader)) ?? FIRST_ID;
      const entries = await page({ afterId, count: PAGE });
      const lastId = entries.at(-1)?.[0];
      if (lastId === undefined) return done;
      const figures = JSON.stringify(figuresOf(entries));
      const hashes = [keys.evidence, keys.evidenceVersions, positions];
      const elsewhere = await redis.eval(FOLD_PAGE, 3, ...hashes, reader, afterId, lastId, decay, figures);
      // Refused when another process was faster: the next turn asks where it stands now.
      if (elsewhere === null) done += entries.length;
    }
  }

  /** Counts what the streams have beyond the positions. Returns how many entries this call did. */
  async function catchUp({ signal }: { signal?: AbortSignal } = {}): Promise<number> {
    return (await catchUpWith(feedback, signal)) + (await catchUpWith(usage, signal));
  }

  return { catchUp };
}
