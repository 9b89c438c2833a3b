import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import type { Config } from '../domain/config.ts';
import type { Batches, Producer } from '../producer/index.ts';
import type { Keys } from '../store/keys.ts';
import type { RedisTarget } from '../store/redis.ts';

/** What the routes work with. */
export type GatewayTools = {
  config: Config;
  /** Where relative paths of the configuration begin. */
  folder: string;
  target: RedisTarget;
  redis: Redis;
  keys: Keys;
  producer: Producer;
  batches: Batches;
  logger: Logger;
  /** Epoch milliseconds. */
  now: () => number;
};
