import type { Redis } from 'ioredis';
import { InputError } from '../domain/errors.ts';
import { readRedisTime } from './redis-clock.ts';
import { type RedisTarget, describeTarget } from './redis.ts';

export type ServerProblem = {
  message: string;
  /** Sluice refuses to work with it; otherwise it only warns. */
  fatal: boolean;
};

const NEEDED_MAJOR = 7;
const ANSWER_WITHIN_MS = 5_000;
/** By how much the clocks of Redis and of a worker may be apart. */
export const CLOCK_TOLERANCE_MS = 1_000;

/** As `inspectServer`; when it cannot be reached within seconds it throws, with one clear sentence. */
export async function problemsOfServer(redis: Redis, now: () => number = Date.now): Promise<ServerProblem[]> {
  return withinTime(inspectServer(redis, now), redis);
}

/**
 * What is wrong with a Redis server for a queue and a ledger: too old, a replica, evicting, without AOF, its clock apart
 * from ours. Reads INFO and TIME only, which managed services allow. Waits for as long as the connection does.
 */
export async function inspectServer(redis: Redis, now: () => number = Date.now): Promise<ServerProblem[]> {
  const info = await redis.info();
  const apartMs = await clocksApartMs(redis, now);
  const field = (name: string): string => new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1] ?? '';
  const problems: ServerProblem[] = [];
  const version = field('redis_version');
  // Valkey reports 7.2.4 as its Redis version whatever its own is.
  if (Number(version.split('.')[0]) < NEEDED_MAJOR) {
    problems.push({ fatal: true, message: `version ${version} is too old; use Redis ${NEEDED_MAJOR} or Valkey` });
  }
  if (field('role') !== 'master') problems.push({ fatal: true, message: 'it is a read-only replica; use the primary' });
  const policy = field('maxmemory_policy');
  if (policy !== 'noeviction') {
    problems.push({ fatal: true, message: `maxmemory-policy is ${policy}: it would drop jobs; set it to noeviction` });
  }
  if (apartMs > CLOCK_TOLERANCE_MS) {
    problems.push({ fatal: true, message: `its clock and this machine's are ${apartMs} ms apart; set them right` });
  }
  if (field('aof_enabled') !== '1') {
    problems.push({ fatal: false, message: 'appendonly is off: a crash of Redis loses jobs and bills; turn AOF on' });
  }
  return problems;
}

/**
 * By how much the clocks are apart at the least: when within the round trip Redis read its own is not known, so that a
 * slow answer makes no clock wrong.
 */
async function clocksApartMs(redis: Redis, now: () => number): Promise<number> {
  const before = now();
  const clockMs = await readRedisTime(redis);
  const after = now();
  return Math.max(0, Math.round(Math.max(before - clockMs, clockMs - after)));
}

/** Refuses a server that is not fit: throws an InputError with a line for each reason. */
export function demandFit(target: RedisTarget, problems: readonly ServerProblem[]): void {
  const fatal = problems.filter((problem) => problem.fatal);
  if (fatal.length === 0) return;
  const description = describeTarget(target);
  throw new InputError(
    fatal.map(({ message }) => `Redis at ${description} is not fit: ${message}`),
    3,
  );
}

/**
 * For whoever wanted something of a Redis that did not do it: where it is, without a password, and what is wrong. What
 * the client threw is not kept as the cause: it holds what was sent.
 */
export function unusable(target: RedisTarget, failure: unknown): InputError {
  return new InputError(`Redis at ${describeTarget(target)} cannot be used: ${sentence(failure)}`, 3);
}

async function withinTime<Value>(work: Promise<Value>, redis: Redis): Promise<Value> {
  let lastError: Error | undefined;
  const remember = (error: Error): void => {
    lastError = error;
  };
  redis.on('error', remember);
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('no answer within 5 seconds')), ANSWER_WITHIN_MS);
  });
  try {
    return await Promise.race([work, late]);
  } catch (error) {
    throw new Error(sentence(lastError ?? error), { cause: error });
  } finally {
    clearTimeout(timer);
    redis.off('error', remember);
  }
}

function sentence(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (code === 'ECONNREFUSED') return 'the connection was refused; is it running?';
  if (code === 'ENOENT') return 'there is no such socket; is it running?';
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return 'its host name is unknown';
  if (/WRONGPASS|NOAUTH|invalid username-password/i.test(message)) return 'the password is wrong or missing';
  return message.replace(/(, with args beginning with:|\n)[^]*/, '');
}
