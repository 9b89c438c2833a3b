import type { Patch } from './load-patches.ts';

/** Places on a worker's main path at which it can be made to die. */
const PLACES = {
  /** The reservation is made; nothing says that the call may have gone out. */
  'after-admit': { file: 'src/workers/attempt.ts', before: 'if (!(await services.ledger.markSent(' },
  /** The call is marked as sent; the provider knows nothing of it. */
  'after-sent': { file: 'src/workers/attempt.ts', before: 'const answer = await call(' },
  /** The provider has done its work; nobody has written it down. */
  'after-answer': { file: 'src/workers/attempt.ts', before: 'const latencyMs = services.now() -' },
  /** Everything is written down; BullMQ does not know that the job has ended. */
  'after-settle': { file: 'src/workers/worker.ts', before: 'return await settle(outcome,' },
} as const;

export type CrashPoint = keyof typeof PLACES;

export const CRASH_POINTS = Object.keys(PLACES) as CrashPoint[];

/** The worker kills itself when it comes to this point for the `pass`th time, whichever job it comes with. */
export function crashAt(point: CrashPoint, pass: number): Patch {
  const { file, before } = PLACES[point];
  const crash = `if ((globalThis.passes = (globalThis.passes ?? 0) + 1) === ${pass}) process.kill(process.pid, 'SIGKILL');`;
  return { file, find: before, replace: `${crash}\n  ${before}` };
}

/** The worker does nothing at all for so long, between the mark of a call and the call, the `pass`th time it comes there. */
export function blockBeforeCall(pass: number, blockMs: number): Patch {
  const find = 'services.ledger.markSent(start.jobId, attemptId)';
  const block = `if ((globalThis.passes = (globalThis.passes ?? 0) + 1) === ${pass}) {
      const until = performance.now() + ${blockMs};
      while (performance.now() < until);
    }`;
  const replace = `${find}.then((mark) => {
    ${block}
    return mark;
  })`;
  return { file: 'src/workers/attempt.ts', find, replace };
}
