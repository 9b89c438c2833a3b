import { resolve } from 'node:path';
import { type FileStore, createFileStore } from '../../store/files.ts';
import type { GatewayTools } from '../tools.ts';

export function openFileStore({ config, folder, redis, keys, now }: GatewayTools): FileStore {
  const { files } = config.gateway;
  return createFileStore(redis, keys, {
    folder: resolve(folder, files.folder),
    inRedisUpToBytes: files.in_redis_up_to_bytes,
    mostBytes: files.most_bytes,
    mostBytesPerAccount: files.most_bytes_per_account,
    mostBytesInRedis: files.most_bytes_in_redis,
    keepMs: files.keep,
    now,
  });
}
