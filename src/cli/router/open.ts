import type { Config } from '../../domain/config.ts';
import { type Keys, createKeys } from '../../store/keys.ts';
import { evidenceChore } from '../../workers/evidence-chore.ts';
import { requireConfigWithoutKeys } from '../config-view.ts';
import type { Context } from '../context.ts';
import { type OpenRedis, openRedis } from '../redis.ts';

export type EvidenceStore = Pick<OpenRedis, 'redis'> & { keys: Keys; config: Config };

/** Does something with the Redis that holds what was learned, and lets it go. What no worker has counted yet is, first. */
export async function withEvidenceStore<Result>(
  context: Context,
  work: (store: EvidenceStore) => Promise<Result>,
): Promise<Result> {
  const config = requireConfigWithoutKeys(context);
  const opened = await openRedis(context, config.redis.url);
  try {
    const keys = createKeys(config.redis.prefix);
    await evidenceChore(opened.redis, keys, config).run(new AbortController().signal);
    return await work({ redis: opened.redis, keys, config });
  } finally {
    await opened.close();
  }
}
