import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** A gateway as a group of processes of its own. */
export type Server = { pid: number; stop(): Promise<void> };

export type ServerOptions = {
  name: string;
  command: string;
  args: readonly string[];
  /** Besides PATH and HOME; of ours it gets nothing else, and no key. */
  environment?: Record<string, string>;
  /** Its working folder and home, where its output goes, too. */
  folder: string;
};

const READY_WITHIN_MS = 180_000;
const POLL_MS = 100;
const STOP_WITHIN_MS = 10_000;
const TAIL_LINES = 8;

export function startServer({ name, command, args, environment, folder }: ServerOptions): Server & { log: string } {
  const log = join(folder, `${name}.log`);
  const output = openSync(log, 'w');
  const child = spawn(command, args, {
    cwd: folder,
    env: { PATH: process.env['PATH'] ?? '', HOME: folder, ...environment },
    stdio: ['ignore', output, output],
    detached: true,
  });
  closeSync(output);
  // Whoever waits for its first answer sees that it has gone.
  child.on('error', () => {});
  let stopped: Promise<void> | undefined;
  return { pid: child.pid ?? -1, log, stop: () => (stopped ??= stopServer(child)) };
}

/** Resolves when it has given the answer that it will be measured by. Throws an Error that ends with what it printed. */
export async function waitUntilAnswering(
  { pid, log }: { pid: number; log: string },
  { url, headers, body }: { url: string; headers: Record<string, string>; body: string },
): Promise<void> {
  const deadline = performance.now() + READY_WITHIN_MS;
  let seen = 'no answer';
  while (performance.now() < deadline && isAlive(pid)) {
    const answer = await fetch(url, { method: 'POST', headers, body, signal: AbortSignal.timeout(5_000) }).catch(
      () => undefined,
    );
    if (answer?.status === 200) {
      await answer.body?.cancel();
      return;
    }
    if (answer !== undefined) seen = `${answer.status} ${(await answer.text()).slice(0, 300)}`;
    await sleep(POLL_MS);
  }
  const lines = (await readFile(log, 'utf8')).trimEnd().split('\n').slice(-TAIL_LINES);
  throw new Error(`does not answer (${seen}):\n${lines.join('\n')}`);
}

/** A port of loopback that nobody listens on. */
export async function findPort(): Promise<number> {
  const server = createServer();
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}

function isAlive(pid: number): boolean {
  try {
    return pid > 0 && process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** SIGTERM to the first process, which ends its own; what is left of the group later is killed. */
async function stopServer(child: ChildProcess): Promise<void> {
  const { pid } = child;
  if (pid === undefined) return;
  if (child.exitCode === null && child.signalCode === null) {
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    await Promise.race([ended, sleep(STOP_WITHIN_MS, undefined, { ref: false })]);
  }
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // The group has gone.
  }
}
