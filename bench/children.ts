import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/**
 * The benchmark's own processes: each answers named requests over Node's IPC channel and ends by itself when it is told
 * to, or when its parent has gone.
 */

type Request = { id: number; name: string; input: unknown };
type Reply = { id: number; output?: unknown; error?: string };

type Handlers = Record<string, (input: never) => unknown>;

export type Child = {
  ask<Output>(name: string, input?: unknown): Promise<Output>;
  stop(): Promise<void>;
};

const EXIT_WITHIN_MS = 10_000;

/** Starts a file of this folder as a process of its own. */
export function startChild(fileName: string): Child {
  const child = fork(fileURLToPath(new URL(fileName, import.meta.url)), {
    execPath: process.execPath,
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const waiting = new Map<number, { resolve: (output: never) => void; reject: (error: Error) => void }>();
  const ended = once(child, 'exit');
  let lastId = 0;
  child.on('message', ({ id, output, error }: Reply) => {
    const request = waiting.get(id);
    waiting.delete(id);
    if (error === undefined) request?.resolve(output as never);
    else request?.reject(new Error(`${fileName}: ${error}`));
  });
  child.on('exit', (code) => {
    for (const { reject } of waiting.values()) reject(new Error(`${fileName} ended with code ${code}`));
    waiting.clear();
  });
  return {
    ask: (name, input) =>
      new Promise((resolve, reject) => {
        lastId += 1;
        waiting.set(lastId, { resolve, reject });
        child.send({ id: lastId, name, input } satisfies Request, (error) => error && reject(error));
      }),
    stop: () => endChild(child, ended),
  };
}

async function endChild(child: ChildProcess, ended: Promise<unknown>): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  if (child.connected) child.disconnect();
  const timer = setTimeout(() => child.kill('SIGKILL'), EXIT_WITHIN_MS);
  await ended;
  clearTimeout(timer);
}

/** For the process itself: serves requests until the parent hangs up, then closes and exits. */
export function serveParent(handlers: Handlers, close: () => Promise<void>): void {
  process.on('message', async ({ id, name, input }: Request) => {
    const reply: Reply = { id };
    try {
      reply.output = await handlers[name]?.(input as never);
    } catch (error) {
      reply.error = error instanceof Error ? error.message : String(error);
    }
    process.send?.(reply);
  });
  process.once('disconnect', () => {
    close().then(
      () => process.exit(0),
      () => process.exit(1),
    );
  });
}
