import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import { toGatewayError } from '../domain/errors.ts';
import type { Keys } from '../store/keys.ts';
import { isRedisFailure } from '../store/redis.ts';
import { monotonicMs, takeLease } from './lease.ts';
import { onceASecond } from './log.ts';

/** Something that has to be done every now and then, by one of all pools. */
export type Chore = {
  name: string;
  /** From the end of one run to the beginning of the next, whichever pool does it. */
  everyMs: number;
  /** To be given up when `signal` is aborted: the pool stops, or another one may have taken over. */
  run(signal: AbortSignal): Promise<void>;
};

export type Chores = {
  /** Aborts what runs and waits for it to end; not for long when Redis is gone. Safe to call twice. */
  stop(): Promise<void>;
};

/** How long the others wait for a pool that died in the middle of a run. */
const TURN_MS = 15_000;
const STOP_WITHIN_MS = 2_000;
/** A pool that comes back for its next run must not find that its own turn is just about to end. */
const REST_SHARE = 0.9;

/** For as long as it is still ours: 1 when it was. */
const EXTEND = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
`;

type Surroundings = {
  redis: Redis;
  keys: Keys;
  logger: Logger;
  /** Hears of every failure; what it returns true for, it tells of itself. */
  notice?: (error: unknown) => boolean;
};

/**
 * Runs each chore over and over, the first time at once. Of all the pools one has the turn: a key in Redis that it
 * renews while it runs, and leaves for `everyMs` when it is done, so that many pools do no more than one.
 */
export function startChores(options: Surroundings & { chores: readonly Chore[] }): Chores {
  const { redis, keys, logger, notice, chores } = options;
  const stopping = new AbortController();
  const owner = randomUUID();
  const log = onceASecond();
  const onError = (name: string, error: unknown): void => {
    if (stopping.signal.aborted || notice?.(error) === true) return;
    const reason = isRedisFailure(error) ? error.message.slice(0, 200) : toGatewayError(error).message;
    log(() => logger.warn({ chore: name, error: reason }, 'chore failed'));
  };
  const loops = chores.map(async (chore) => {
    while (!stopping.signal.aborted) {
      const turn = { redis, key: keys.chore(chore.name), owner };
      await runOnce(chore, turn, stopping.signal).catch((error: unknown) => onError(chore.name, error));
      await sleep(chore.everyMs, undefined, { signal: stopping.signal }).catch(() => {});
    }
  });
  let stopped: Promise<void> | undefined;
  return {
    stop() {
      stopping.abort(new Error('the pool is stopping'));
      stopped ??= withinTime(Promise.all(loops));
      return stopped;
    },
  };
}

const lost = (): Error => new Error('its turn was not renewed in time');

type Turn = { redis: Redis; key: string; owner: string };

async function runOnce(chore: Chore, { redis, key, owner }: Turn, stopping: AbortSignal): Promise<void> {
  const askedAtMs = monotonicMs();
  if ((await redis.set(key, owner, 'PX', TURN_MS, 'NX')) !== 'OK') return;
  const lease = takeLease({ durationMs: TURN_MS, askedAtMs, lost });
  const extend = async (forMs: number): Promise<void> => {
    const extendedAtMs = monotonicMs();
    if ((await redis.eval(EXTEND, 1, key, owner, forMs)) === 1) lease.confirm(extendedAtMs);
    else lease.break(lost());
  };
  // What goes wrong with a renewal is seen by the lease.
  const renewal = setInterval(() => void extend(TURN_MS).catch(() => {}), TURN_MS / 3);
  const breakOff = (): void => lease.break(new Error('the pool is stopping'));
  stopping.addEventListener('abort', breakOff);
  if (stopping.aborted) breakOff();
  try {
    if (!lease.signal.aborted) await chore.run(lease.signal);
  } finally {
    stopping.removeEventListener('abort', breakOff);
    clearInterval(renewal);
    lease.end();
    // Whoever was interrupted leaves the turn to the others at once.
    await extend(stopping.aborted ? 0 : Math.ceil(chore.everyMs * REST_SHARE));
  }
}

async function withinTime(work: Promise<unknown>): Promise<void> {
  const waiting = new AbortController();
  const late = sleep(STOP_WITHIN_MS, undefined, { signal: waiting.signal }).catch(() => {});
  await Promise.race([work, late]);
  waiting.abort();
}
