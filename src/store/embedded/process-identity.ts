import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** A process that can be told from a later one that got the same pid. */
export interface ProcessIdentity {
  pid: number;
  /** Opaque; the same for as long as the process lives. */
  identity: string;
}

const POLL_INTERVAL_MS = 15;

/** Undefined when no process has this pid, or only a zombie does. */
export function identifyProcess(pid: number): string | undefined {
  return process.platform === 'linux' ? identifyFromProc(pid) : identifyFromPs(pid);
}

export function isAlive({ pid, identity }: ProcessIdentity): boolean {
  return identifyProcess(pid) === identity;
}

/** True when the process has gone within `timeoutMs`. */
export async function waitUntilGone(subject: ProcessIdentity, timeoutMs: number): Promise<boolean> {
  const deadlineMs = Date.now() + timeoutMs;
  while (isAlive(subject)) {
    if (Date.now() > deadlineMs) return false;
    await sleep(POLL_INTERVAL_MS);
  }
  return true;
}

// proc_pid_stat(5): field 3 is the state, field 22 the start time in ticks since the boot.
function identifyFromProc(pid: number): string | undefined {
  const stat = readOrEmpty(`/proc/${pid}/stat`);
  // Field 2, the command in parentheses, may hold spaces and parentheses itself.
  const [state, ...rest] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const startTicks = rest[18];
  if (startTicks === undefined || state === 'Z' || state === 'X') return undefined;
  return `${readOrEmpty('/proc/sys/kernel/random/boot_id').trim()}/${startTicks}`;
}

function identifyFromPs(pid: number): string | undefined {
  const { status, stdout } = spawnSync('ps', ['-o', 'stat=', '-o', 'lstart=', '-p', String(pid)], {
    encoding: 'utf8',
    env: { PATH: process.env['PATH'], LC_ALL: 'C', TZ: 'UTC' },
  });
  const [state, ...started] = (stdout ?? '').trim().split(/\s+/);
  return status === 0 && !state?.startsWith('Z') ? started.join(' ') : undefined;
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
