import { GatewayError, toGatewayError } from '../domain/errors.ts';
import type { Outcome } from '../domain/outcome.ts';
import { isRedisFailure } from '../store/redis.ts';
import { type Hold, runAttempt } from './attempt.ts';
import { giveUp } from './conclude.ts';
import type { Services, Start } from './services.ts';

const REDIS_RETRY_MS = 2_000;
/** From so many stalls on a job is suspected of what its workers died of. */
const SUSPICIOUS_STALLS = 2;
/** In lives of a lock. */
const APART_WITHIN_LOCKS = 4;

/**
 * Runs an attempt so that every job ends or goes on, whatever is thrown on the way. A Redis in trouble is waited for and
 * spends no attempt; anything else would happen again at the next start, so that the job ends.
 */
export async function runSafely(start: Start, isReadable: boolean, services: Services, lease: Hold): Promise<Outcome> {
  try {
    if (isReadable && isSuspicious(start)) return startApart(services);
    if (isReadable) return await runAttempt(start, services, lease);
    return await giveUp(new GatewayError('JOB_INVALID', 'the job has no readable data'), start, services);
  } catch (thrown) {
    return recover(thrown, start, services);
  }
}

async function recover(thrown: unknown, start: Start, services: Services): Promise<Outcome> {
  const mayTryAgain = start.deferrals < services.config.workers.max_deferrals;
  if (isRedisFailure(thrown) && mayTryAgain) return waitForRedis(thrown, services);
  try {
    return await giveUp(toGatewayError(thrown), start, services);
  } catch (error) {
    // It cannot even be written down that the job has ended.
    return waitForRedis(error, services);
  }
}

/** Once for each stall that makes it so. */
function isSuspicious({ stalls, deferrals }: Start): boolean {
  return stalls >= SUSPICIOUS_STALLS && deferrals <= stalls - SUSPICIOUS_STALLS;
}

/**
 * Jobs that were together in the hands of a worker that died come back together; if one of them is what kills workers,
 * the others would die with it until all are given up. At times of their own, only the culprit is.
 */
function startApart({ config, random }: Services): Outcome {
  const error = new GatewayError('INTERRUPTED', 'its worker died with it more than once; started apart from others');
  return { kind: 'deferred', error, delayMs: Math.ceil(random() * APART_WITHIN_LOCKS * config.workers.lock) };
}

function waitForRedis(thrown: unknown, services: Services): Outcome {
  const reason = isRedisFailure(thrown) ? thrown.message.split('\n', 1)[0] : toGatewayError(thrown).message;
  const error = new GatewayError('INTERRUPTED', `Redis did not do its part: ${reason}`, {}, { cause: thrown });
  return { kind: 'deferred', error, delayMs: Math.ceil(REDIS_RETRY_MS * (0.5 + services.random())) };
}
