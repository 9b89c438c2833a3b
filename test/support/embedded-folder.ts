import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';
import { acquireEmbeddedRedis, embeddedRedisStatus, type EmbeddedRedis } from '../../src/store/embedded/index.ts';
import { identifyProcess } from '../../src/store/embedded/process-identity.ts';

const USER_SCRIPT = fileURLToPath(new URL('embedded-user.ts', import.meta.url));

/** Another process that uses the embedded Redis. */
export interface User {
  process: ChildProcess;
  startedHere: boolean;
  /** Lets the process leave by itself and waits for its end. */
  release(): Promise<void>;
}

/** A working folder of its own that remembers every process started for it. */
export class EmbeddedFolder {
  readonly directory: string;
  readonly logged: string[] = [];
  readonly serverPids = new Set<number>();
  private readonly users: ChildProcess[] = [];

  private constructor(directory: string) {
    this.directory = directory;
  }

  static async create(): Promise<EmbeddedFolder> {
    return new EmbeddedFolder(await mkdtemp(join(tmpdir(), 'sluice-embedded-')));
  }

  /** Removes the folder. Throws when a process is left behind, and ends it. */
  async close(): Promise<void> {
    const userPids = this.users.map((user) => user.pid ?? 0);
    const left = [...userPids, ...this.serverPids].filter(isRunning);
    for (const pid of left) process.kill(pid, 'SIGKILL');
    await rm(this.directory, { recursive: true, force: true });
    if (left.length > 0) throw new Error(`left running: ${left.join(', ')}`);
  }

  async acquire(directory: string = this.directory): Promise<EmbeddedRedis> {
    const redis = await acquireEmbeddedRedis({ directory, install: false, log: (line) => this.logged.push(line) });
    await this.serverPid(directory);
    return redis;
  }

  async serverPid(directory: string = this.directory): Promise<number> {
    const status = await embeddedRedisStatus(directory);
    if (!status.running) throw new Error('no Redis is running');
    this.serverPids.add(status.pid);
    return status.pid;
  }

  async countUsers(): Promise<number> {
    const status = await embeddedRedisStatus(this.directory);
    return status.running ? status.userPids.length : 0;
  }

  async killServer(): Promise<void> {
    const pid = await this.serverPid();
    process.kill(pid, 'SIGKILL');
    while (isRunning(pid)) await sleep(5);
  }

  async startUser(): Promise<User> {
    const stdio = ['ignore', 'inherit', 'inherit', 'ipc'] as const;
    const child = spawn(process.execPath, [USER_SCRIPT, this.directory], { stdio: [...stdio] });
    this.users.push(child);
    const [message] = (await once(child, 'message')) as [{ startedHere: boolean }];
    const release = async (): Promise<void> => {
      const exited = once(child, 'exit') as Promise<[number | null]>;
      child.send('release');
      const [exitCode] = await exited;
      if (exitCode !== 0) throw new Error(`the user ended with exit code ${exitCode}`);
    };
    return { process: child, startedHere: message.startedHere, release };
  }
}

/** A zombie that nobody has collected yet does not run. */
export function isRunning(pid: number): boolean {
  return identifyProcess(pid) !== undefined;
}

export async function endNow(child: ChildProcess): Promise<void> {
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}

export async function withClient<T>(redis: EmbeddedRedis, use: (client: Redis) => Promise<T>): Promise<T> {
  const client = new Redis(redis.connection);
  try {
    return await use(client);
  } finally {
    await client.quit();
  }
}
