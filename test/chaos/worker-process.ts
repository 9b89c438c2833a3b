import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { PATCHES_VARIABLE, type Patch } from './load-patches.ts';
import type { ConfigInput } from './stage-config.ts';
import type { WorkerMessage, WorkerOrders } from './worker.ts';

export type WorkerOptions = {
  config: ConfigInput;
  redisUrl: string;
  /** Jobs at a time. */
  concurrency: number;
  patches?: readonly Patch[];
  /** Modules that are loaded before its own, by their path or URL. */
  preloads?: readonly string[];
  environment?: Readonly<Record<string, string>>;
};

export type WorkerExit = { code: number | null; signal: NodeJS.Signals | null };

/** A worker in a process of its own, which may be treated badly. */
export type WorkerProcess = {
  readonly pid: number;
  readonly concurrency: number;
  readonly isRunning: boolean;
  /** Resolves when it takes jobs; rejects with the end of what it said when it ends before. */
  readonly ready: Promise<void>;
  readonly exited: Promise<WorkerExit>;
  signal(name: NodeJS.Signals): void;
  /** Its event loop does nothing else for so long. */
  block(blockMs: number): void;
  /** SIGTERM; SIGKILL when that takes too long. Resolves when the process has gone. */
  stop(): Promise<WorkerExit>;
  /** SIGKILL; resolves when the process has gone. */
  kill(): Promise<WorkerExit>;
};

const WORKER = fileURLToPath(new URL('worker.ts', import.meta.url));
const LOAD_PATCHES = new URL('load-patches.ts', import.meta.url).href;
const STOP_WITHIN_MS = 15_000;
const KEPT_OUTPUT = 4_000;

export function startWorkerProcess(options: WorkerOptions): WorkerProcess {
  const { config, redisUrl, concurrency, patches = [], preloads = [], environment = {} } = options;
  const child = fork(WORKER, [JSON.stringify({ config, redisUrl, concurrency } satisfies WorkerOrders)], {
    execPath: process.execPath,
    execArgv: [...preloads, LOAD_PATCHES].flatMap((module) => ['--import', module]),
    env: { ...process.env, ...environment, [PATCHES_VARIABLE]: JSON.stringify(patches) },
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  const exited = once(child, 'exit').then(([code, signal]): WorkerExit => ({ code, signal }));
  const ready = becomesReady(child, exited);
  // Whoever does not wait for it hears of its end by `exited`.
  ready.catch(() => {});
  const isRunning = (): boolean => child.exitCode === null && child.signalCode === null;
  return {
    pid: child.pid ?? 0,
    concurrency,
    get isRunning() {
      return isRunning();
    },
    ready,
    exited,
    signal: (name) => void child.kill(name),
    block: (blockMs) => void child.send({ blockMs } satisfies WorkerMessage),
    async stop() {
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), STOP_WITHIN_MS);
      return exited.finally(() => clearTimeout(timer));
    },
    async kill() {
      child.kill('SIGKILL');
      return exited;
    },
  };
}

async function becomesReady(child: ChildProcess, exited: Promise<WorkerExit>): Promise<void> {
  let said = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    said = (said + chunk.toString()).slice(-KEPT_OUTPUT);
    if (process.env['SLUICE_CHAOS_LOG'] !== undefined) process.stderr.write(chunk);
  });
  const ended = exited.then(({ code, signal }) => {
    throw new Error(`worker ended with ${code ?? signal} before it was ready: ${said}`);
  });
  await Promise.race([once(child, 'message'), ended]);
  // The loser of the race goes on, and its end is no news by then.
  ended.catch(() => {});
}
