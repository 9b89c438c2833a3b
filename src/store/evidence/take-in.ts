import type { Redis } from 'ioredis';
import type { Evidence, Moments } from '../../domain/evidence.ts';
import type { Keys } from '../keys.ts';
import { EVIDENCE_MEASURES, fieldOf } from './cells.ts';
import { TAKE_IN } from './scripts.ts';

/**
 * - `first`: refused where there is some.
 * - `merge`: added to what is there.
 * - `replace`: in its place; refused where that is of a later version.
 * - `replace-newer`: in its place, whatever it is.
 */
export type TakeInHow = 'first' | 'merge' | 'replace' | 'replace-newer';

/** What came of it, and the version of what is there now. */
export type TakenIn = { outcome: 'taken' | 'known' | 'newer'; version: number };

/** Takes in evidence from elsewhere: all of it in one step, or nothing. */
export async function takeIn(redis: Redis, keys: Keys, evidence: Evidence, how: TakeInHow): Promise<TakenIn> {
  const { version: itsVersion, tasks = {} } = evidence;
  const parts = [JSON.stringify(cellsOf(evidence)), JSON.stringify(tasks)];
  const reply = await redis.eval(TAKE_IN, 2, keys.evidence, keys.evidenceVersions, how, itsVersion, ...parts);
  const [outcome, version] = reply as [TakenIn['outcome'], number];
  return { outcome, version };
}

function cellsOf({ models }: Evidence): (Moments & { model: string; field: string })[] {
  return Object.entries(models).flatMap(([model, tasks]) =>
    Object.entries(tasks).flatMap(([task, cell]) =>
      EVIDENCE_MEASURES.flatMap((measure) => {
        const moments = cell[measure];
        return moments === undefined ? [] : { model, field: fieldOf(measure, task), ...moments };
      }),
    ),
  );
}
