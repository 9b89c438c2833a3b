import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import { InputError } from '../../domain/errors.ts';
import type { Keys } from '../keys.ts';

/** How long the others wait for a process that died in the middle. */
const HELD_MS = 30_000;

/** Also when Redis is out of memory: what the lock is for makes room. */
const TAKE = `#!lua flags=allow-oom
return redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2])
`;
const KEEP = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
`;

/**
 * Does what only one process at a time may do with the archive and the rollups. The signal is aborted when the lock is
 * lost, as by a process that was stopped for too long. Throws an InputError when another one has it.
 */
export async function withUsageLock<Result>(
  redis: Redis,
  keys: Keys,
  work: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const owner = randomUUID();
  if ((await redis.eval(TAKE, 1, keys.usageLock, owner, HELD_MS)) === null) {
    throw new InputError(
      `another "sluice usage archive" or "rebuild" is at work; one that was killed is waited for ${HELD_MS / 1_000} s`,
    );
  }
  const losing = new AbortController();
  let keptAtMs = performance.now();
  const keep = async (): Promise<void> => {
    const askedAtMs = performance.now();
    const kept = await redis.eval(KEEP, 1, keys.usageLock, owner, HELD_MS).catch(() => undefined);
    if (kept === 1) keptAtMs = askedAtMs;
    if (kept === 0 || performance.now() - keptAtMs > HELD_MS) losing.abort(lost());
  };
  const timer = setInterval(() => void keep(), HELD_MS / 6);
  try {
    return await work(losing.signal);
  } finally {
    clearInterval(timer);
    await redis.eval(KEEP, 1, keys.usageLock, owner, 0).catch(() => {});
  }
}

function lost(): InputError {
  return new InputError('stopped for too long, or Redis was away, and another run may be at work: run it again', 3);
}
