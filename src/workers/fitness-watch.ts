import type { Logger } from 'pino';
import type { ServerProblem } from '../store/fitness.ts';

/** Clocks are set, servers are reconfigured and fail over while a pool runs for months. */
const LOOK_EVERY_MS = 30_000;
const LOOK_AGAIN_MS = 2_000;

/**
 * Looks every now and then whether Redis is still fit for the work, by the same measure as at the start, and pauses the
 * workers while it is not: with a clock that is off, waits end early or never, and budgets count in the wrong window.
 */
export function watchFitness(options: {
  inspect: () => Promise<readonly ServerProblem[]>;
  pause: () => void;
  resume: () => void;
  logger: Logger;
}): { lookNow(): void; stop(): void } {
  const { inspect, pause, resume, logger } = options;
  let isFit = true;
  let isStopped = false;
  let timer: NodeJS.Timeout | undefined;

  async function look(): Promise<void> {
    const fatal = (await inspect()).filter((problem) => problem.fatal);
    if (isStopped || isFit === (fatal.length === 0)) return;
    isFit = fatal.length === 0;
    if (isFit) {
      logger.warn('Redis is fit again; workers go on');
      resume();
    } else {
      logger.error({ reason: fatal.map(({ message }) => message).join('; ') }, 'Redis is not fit; workers pause');
      pause();
    }
  }

  /** One that cannot be asked is waited for elsewhere. */
  function lookSafely(): Promise<void> {
    return look().catch(() => {});
  }

  function schedule(): void {
    timer = setTimeout(
      () => {
        void lookSafely().finally(() => isStopped || schedule());
      },
      isFit ? LOOK_EVERY_MS : LOOK_AGAIN_MS,
    );
  }

  schedule();
  return {
    lookNow: () => void lookSafely(),
    stop() {
      isStopped = true;
      clearTimeout(timer);
    },
  };
}
