import type { Redis } from 'ioredis';
import { type Evidence, type EvidenceCell, NO_EVIDENCE } from '../../domain/evidence.ts';
import type { Keys } from '../keys.ts';
import { readCells, readTasks } from './cells.ts';
import { keepEqual } from './keep-equal.ts';

export type EvidenceReader = {
  /**
   * The newest known; never waits. The same object for as long as nothing has changed; of one that has, every part that
   * is as it was is the same object: by the `score` of its cells one sees whether anything but lengths has changed.
   */
  current(): Evidence;
  /** Fetches what changed since the last time: one small question when nothing did. */
  refresh(): Promise<void>;
};

export function createEvidenceReader(redis: Redis, keys: Keys): EvidenceReader {
  const seen = new Map<string, string>();
  let evidence = NO_EVIDENCE;

  async function refresh(): Promise<void> {
    // Also a smaller one: Redis may have been emptied.
    if (Number(await redis.hget(keys.evidence, 'version')) === evidence.version) return;
    const root: Record<string, string> = await redis.hgetall(keys.evidence);
    const versions: Record<string, string> = await redis.hgetall(keys.evidenceVersions);
    const models = { ...evidence.models };
    for (const model of Object.keys(models)) {
      if (Object.hasOwn(versions, model)) continue;
      delete models[model];
      seen.delete(model);
    }
    const changed = Object.keys(versions).filter((model) => versions[model] !== seen.get(model));
    const hashes = await Promise.all(changed.map((model) => redis.hgetall(keys.evidenceOf(model))));
    for (const [index, model] of changed.entries()) {
      seen.set(model, versions[model] ?? '');
      const cells: Record<string, EvidenceCell> = readCells(hashes[index] ?? {});
      if (Object.keys(cells).length > 0) models[model] = cells;
      else delete models[model];
    }
    const tasks = readTasks(root);
    evidence = keepEqual<Evidence>(evidence, {
      v: 1,
      version: Number(root['version'] ?? 0),
      updated_at: Number(root['updated_at'] ?? 0),
      models,
      ...(tasks === undefined ? {} : { tasks }),
    });
  }

  return { current: () => evidence, refresh };
}

/** All evidence as it is at one moment. */
export async function readEvidence(redis: Redis, keys: Keys): Promise<Evidence> {
  for (;;) {
    const before = await redis.hget(keys.evidence, 'version');
    const reader = createEvidenceReader(redis, keys);
    await reader.refresh();
    // What was read while it changed is of two versions.
    if ((await redis.hget(keys.evidence, 'version')) === before) return reader.current();
  }
}
