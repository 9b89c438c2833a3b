export { acquireEmbeddedRedis, type AcquireOptions, type EmbeddedRedis } from './acquire.ts';
export {
  embeddedRedisStatus,
  fateOfEmbeddedRedis,
  stopEmbeddedRedis,
  type EmbeddedRedisStatus,
  type StopResult,
} from './control.ts';
export { EmbeddedRedisError } from './embedded-redis-error.ts';
export { findRedisServer, type RedisBinary } from './find.ts';
export { installRedisServer, redisMissingMessage, type InstallOptions, type RunCommand } from './install.ts';
