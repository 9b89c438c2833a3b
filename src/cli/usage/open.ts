import { reasonOf } from '../../config/text-file.ts';
import { InputError } from '../../domain/errors.ts';
import { type Keys, createKeys } from '../../store/keys.ts';
import { findInstallation } from '../config-view.ts';
import type { Context } from '../context.ts';
import { type OpenRedis, openRedis } from '../redis.ts';

export type UsageStore = OpenRedis & { keys: Keys };

/** Does something with the Redis that holds the usage, and lets it go. */
export async function withUsageStore<Result>(
  context: Context,
  work: (store: UsageStore) => Promise<Result>,
): Promise<Result> {
  const { prefix, url } = findInstallation(context).redis;
  const redis = await openRedis(context, url);
  try {
    return await work({ ...redis, keys: createKeys(prefix) });
  } catch (error) {
    throw ofFile(error) ?? error;
  } finally {
    await redis.close();
  }
}

/** A file or folder that could not be used, in one line. */
function ofFile(error: unknown): InputError | undefined {
  if (!(error instanceof Error && 'syscall' in error && 'path' in error && 'code' in error)) return undefined;
  return new InputError(`cannot use ${String(error.path)}: ${reasonOf(error)}`);
}
