import { Redis } from 'ioredis';
import { InputError } from '../domain/errors.ts';
import { GatheringRedis } from './gathering-redis.ts';

/** Where Redis is: a URL (`redis://`, `rediss://`, `unix:///path`), or the socket of an embedded one. */
export type RedisTarget = { url: string } | { path: string };

export type ConnectOptions = {
  /** Shown in CLIENT LIST; `sluice:worker`, `sluice:usage`, ... */
  name: string;
  /** True for a worker, whose commands wait through an outage; otherwise a command fails within seconds. */
  patient?: boolean;
  /** True for a connection with many small commands at a time, which BullMQ's are. */
  gathers?: boolean;
};

const GIVE_UP_AFTER_RETRIES = 3;

/** A connection that is not open yet; it opens with its first command. Connection errors go to `onError`. */
export function connect(
  target: RedisTarget,
  options: ConnectOptions,
  onError: (error: Error) => void = () => {},
): Redis {
  const settings = {
    lazyConnect: true,
    connectionName: options.name,
    connectTimeout: 5_000,
    maxRetriesPerRequest: options.patient === true ? null : GIVE_UP_AFTER_RETRIES,
    // Quick enough to notice a restart, slow enough not to hammer a server that is loading its AOF.
    retryStrategy: (attempt: number) => Math.min(50 * 2 ** Math.min(attempt, 6), 2_000) * (0.5 + Math.random() / 2),
  };
  const Connection = options.gathers === true ? GatheringRedis : Redis;
  const redis = new Connection('path' in target ? target.path : parseRedisUrl(target.url), settings);
  // Without a listener ioredis prints to stderr, which is not ours to do.
  redis.on('error', onError);
  return redis;
}

/** The URL as ioredis takes it; a bad one is an InputError that never shows the password. */
function parseRedisUrl(text: string): string {
  if (text.startsWith('unix://')) return text.slice('unix://'.length);
  if (text.startsWith('/')) return text;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || (url.protocol !== 'redis:' && url.protocol !== 'rediss:')) {
    throw new InputError(
      'REDIS_URL is not a Redis URL: use redis://[user:password@]host:port[/db], rediss://… or unix:///path',
      3,
    );
  }
  return text;
}

/** Whether a Redis, or the connection to one, did not do what it was asked: worth another try, and no bug of ours. */
export function isRedisFailure(error: unknown): error is Error {
  if (!(error instanceof Error)) return false;
  const isOfClient = ['ReplyError', 'MaxRetriesPerRequestError', 'AbortError'].includes(error.name);
  return isOfClient || /Connection is closed/.test(error.message);
}

/** The target for a person: host, port and database, no password. */
export function describeTarget(target: RedisTarget): string {
  if ('path' in target) return target.path;
  if (!URL.canParse(target.url)) return target.url;
  const url = new URL(target.url);
  return `${url.protocol}//${url.host}${url.pathname}`;
}
