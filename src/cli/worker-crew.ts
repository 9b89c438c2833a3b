import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { spawnCommand } from './processes.ts';

export type WorkerCrew = {
  pids(): number[];
  /** Lets every worker give its jobs back, and waits for all of them. */
  stop(): Promise<void>;
  /** Ends them without waiting for their calls. */
  kill(): void;
};

const FIRST_DELAY_MS = 1_000;
const LONGEST_DELAY_MS = 30_000;
/** A worker that ran for so long did not die of its start: the delays begin anew. */
const STEADY_AFTER_MS = 30_000;

/** Keeps `count` worker processes running: one that dies is started again, later each time. */
export function startWorkerCrew(options: {
  count: number;
  commandArguments: readonly string[];
  env?: NodeJS.ProcessEnv;
  note: (line: string) => void;
}): WorkerCrew {
  const children = new Set<ChildProcess>();
  const timers = new Set<NodeJS.Timeout>();
  let isStopping = false;

  function startWorker(delayMs: number): void {
    const startedAt = Date.now();
    const child = spawnCommand(options.commandArguments, options.env);
    children.add(child);
    child.once('error', (error) => endOf(`cannot be started: ${error.message}`));
    child.once('exit', (code, signal) => endOf(`died (${signal ?? `exit code ${code}`})`));

    function endOf(what: string): void {
      if (!children.delete(child) || isStopping) return;
      const nextMs = Date.now() - startedAt > STEADY_AFTER_MS ? FIRST_DELAY_MS : delayMs;
      options.note(`worker ${child.pid ?? ''} ${what}; starting another in ${nextMs / 1_000} s`);
      const timer = setTimeout(() => {
        timers.delete(timer);
        startWorker(Math.min(nextMs * 2, LONGEST_DELAY_MS));
      }, nextMs);
      timers.add(timer);
    }
  }

  function startNoMore(): void {
    isStopping = true;
    for (const timer of timers) clearTimeout(timer);
  }

  for (let index = 0; index < options.count; index += 1) startWorker(FIRST_DELAY_MS);

  return {
    pids: () => [...children].flatMap((child) => child.pid ?? []),
    async stop() {
      startNoMore();
      await Promise.all([...children].map((child) => stopWorker(child)));
    },
    kill() {
      startNoMore();
      for (const child of children) child.kill('SIGKILL');
    },
  };
}

async function stopWorker(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  await exited;
}
