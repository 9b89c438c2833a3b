import { randomUUID } from 'node:crypto';
import { readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { EmbeddedRedisError } from './embedded-redis-error.ts';
import { identifyProcess, isAlive, type ProcessIdentity } from './process-identity.ts';

interface Holder extends ProcessIdentity {
  /** Different at each taking, also by the same process. */
  token: string;
}

// Longer than any holder may need: a start (60 s) after ending a leftover (10 s).
const DEFAULT_TIMEOUT_MS = 90_000;
const POLL_INTERVAL_MS = 20;
// A holder's line is written right after its file is made; one that is still not there was lost in a crash.
const UNREADABLE_AFTER_MS = 5_000;
const UNREADABLE: Holder = { pid: 0, identity: '', token: 'unreadable' };

/**
 * Runs `body` while no other process, and no other caller in this one, does so under the same lock file. The lock of
 * a process that has died is taken over. Throws EmbeddedRedisError when a living one keeps it for `timeoutMs`.
 */
export async function withLock<T>(
  lockPath: string,
  body: () => Promise<T>,
  timeoutMs: number = DEFAULT_TIMEOUT_MS,
): Promise<T> {
  const mine: Holder = { pid: process.pid, identity: identifyProcess(process.pid) ?? '', token: randomUUID() };
  const deadlineMs = Date.now() + timeoutMs;
  while (!tryToTake(lockPath, mine)) {
    if (Date.now() > deadlineMs) throw new EmbeddedRedisError(describeWait(lockPath, timeoutMs));
    await sleep(POLL_INTERVAL_MS);
  }
  try {
    return await body();
  } finally {
    if (readHolder(lockPath)?.token === mine.token) rmSync(lockPath, { force: true });
  }
}

function tryToTake(lockPath: string, mine: Holder): boolean {
  if (createExclusively(lockPath, mine)) return true;
  const holder = readHolder(lockPath);
  return holder !== undefined && isStale(lockPath, holder) && takeOver(lockPath, holder, mine);
}

/**
 * Replaces the lock of a dead holder. Removing it first would let two processes in: the second remover could remove
 * the lock that the first has just taken. So the right to replace is claimed by a file named after the dead holder,
 * which only one process can create, and that file then becomes the lock in one step.
 */
function takeOver(lockPath: string, dead: Holder, mine: Holder): boolean {
  const claimPath = `${lockPath}.after-${dead.token}`;
  if (!createExclusively(claimPath, mine)) return false;
  if (readHolder(lockPath)?.token !== dead.token) {
    rmSync(claimPath, { force: true });
    return false;
  }
  renameSync(claimPath, lockPath);
  return true;
}

function createExclusively(path: string, holder: Holder): boolean {
  try {
    writeFileSync(path, JSON.stringify(holder), { flag: 'wx', mode: 0o600 });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw new EmbeddedRedisError(`Cannot write the lock file: ${(error as Error).message}`, { cause: error });
  }
}

/** Undefined when there is no lock. */
function readHolder(lockPath: string): Holder | undefined {
  try {
    return JSON.parse(readFileSync(lockPath, 'utf8')) as Holder;
  } catch (error) {
    return error instanceof SyntaxError ? UNREADABLE : undefined;
  }
}

function isStale(lockPath: string, holder: Holder): boolean {
  if (holder.token !== UNREADABLE.token) return !isAlive(holder);
  const modifiedMs = statSync(lockPath, { throwIfNoEntry: false })?.mtimeMs ?? Date.now();
  return Date.now() - modifiedMs > UNREADABLE_AFTER_MS;
}

function describeWait(lockPath: string, timeoutMs: number): string {
  const pid = readHolder(lockPath)?.pid;
  const holder = pid ? `the Sluice process ${pid}` : 'another Sluice process';
  return (
    `${lockPath} has been held by ${holder} for more than ${Math.round(timeoutMs / 1000)} s. ` +
    'End that process and try again; if no Sluice process runs in this folder, remove the file.'
  );
}
