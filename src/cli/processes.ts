import { type ChildProcess, spawn } from 'node:child_process';
import { endAtOnce, onStopSignal } from './signals.ts';

/** Set for a process that is to end with the one that started it; holds that one's pid. */
const PARENT_VARIABLE = 'SLUICE_PARENT_PID';
const PARENT_CHECK_MS = 1_000;

/**
 * Resolves with the reason to stop: the first SIGINT, SIGTERM or SIGHUP, or `parent gone` in a process that was started
 * for another one. Each Ctrl-C after that calls `onImpatience`.
 */
export function waitForStop(onImpatience: () => void = endAtOnce): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  onStopSignal(['SIGINT', 'SIGTERM', 'SIGHUP'], resolve, onImpatience);
  const parentPid = process.env[PARENT_VARIABLE];
  if (parentPid) {
    // An orphan gets a new parent at once, also when the old one was killed and lies there as a zombie.
    const timer = setInterval(() => {
      if (process.ppid === Number(parentPid)) return;
      clearInterval(timer);
      resolve('parent gone');
    }, PARENT_CHECK_MS);
    void promise.then(() => clearInterval(timer));
  }
  return promise;
}

/**
 * Starts another command of this same program, on this same Node, that ends when this process does. It has a process
 * group of its own: Ctrl-C in the terminal is for this process, which then stops the others in order.
 */
export function spawnCommand(commandArguments: readonly string[], env: NodeJS.ProcessEnv = {}): ChildProcess {
  const entry = process.argv[1];
  if (entry === undefined) throw new Error('this program does not know its own file');
  return spawn(process.execPath, [...process.execArgv, entry, ...commandArguments], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, ...env, [PARENT_VARIABLE]: String(process.pid) },
    detached: true,
  });
}
