import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { embeddedRedisStatus } from '../../src/store/embedded/index.ts';
import { isRunning } from './embedded-folder.ts';
import { until } from './harness.ts';

const PROGRAM = fileURLToPath(new URL('../../bin/sluice.js', import.meta.url));
const SPOKEN_WITHIN_MS = 20_000;

export type Finished = { code: number | null; stdout: string; stderr: string; tookMs: number };

/** A command that is running. */
export class CliProcess {
  readonly child: ChildProcess;
  readonly exited: Promise<number | null>;
  stdout = '';
  stderr = '';

  constructor(child: ChildProcess) {
    this.child = child;
    child.stdout?.on('data', (chunk: Buffer) => (this.stdout += chunk.toString()));
    child.stderr?.on('data', (chunk: Buffer) => (this.stderr += chunk.toString()));
    this.exited = once(child, 'close').then(([code]) => code as number | null);
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  /** The matches of a pattern in what it said on stderr, as soon as there are so many. */
  async said(pattern: RegExp, times = 1): Promise<RegExpExecArray[]> {
    const find = (): RegExpExecArray[] => [...this.stderr.matchAll(new RegExp(pattern, 'g'))];
    return until(
      `${pattern} ${times} times`,
      () => {
        if (find().length >= times) return find();
        if (this.child.exitCode !== null) throw new Error(`it ended with ${this.child.exitCode}: ${this.stderr}`);
        return undefined;
      },
      SPOKEN_WITHIN_MS,
    );
  }

  /** Sends a signal and waits for the end. */
  async end(signal: NodeJS.Signals): Promise<number | null> {
    this.child.kill(signal);
    return this.exited;
  }
}

/** A working folder in which commands are run, that remembers every process that it has seen. */
export class CliFolder {
  readonly directory: string;
  readonly pids = new Set<number>();

  private constructor(directory: string) {
    this.directory = directory;
  }

  static async create(): Promise<CliFolder> {
    return new CliFolder(await mkdtemp(join(tmpdir(), 'sluice-cli-')));
  }

  async write(name: string, text: string): Promise<void> {
    await writeFile(join(this.directory, name), text);
  }

  /** Starts a command; it gets only the environment that is given, and a PATH. */
  start(commandArguments: readonly string[], env: Record<string, string> = {}): CliProcess {
    const child = spawn(process.execPath, [PROGRAM, ...commandArguments], {
      cwd: this.directory,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: process.env['PATH'], HOME: this.directory, ...env },
    });
    const started = new CliProcess(child);
    this.pids.add(started.pid);
    return started;
  }

  async run(commandArguments: readonly string[], env: Record<string, string> = {}): Promise<Finished> {
    const startedAt = Date.now();
    const started = this.start(commandArguments, env);
    const code = await started.exited;
    return { code, stdout: started.stdout, stderr: started.stderr, tookMs: Date.now() - startedAt };
  }

  /** The pid of the folder's own Redis. */
  async redisPid(): Promise<number> {
    const status = await embeddedRedisStatus(this.directory);
    if (!status.running) throw new Error('no Redis is running');
    this.pids.add(status.pid);
    return status.pid;
  }

  /** Which of the processes that were seen still run. */
  left(): number[] {
    return [...this.pids].filter(isRunning);
  }

  /** Removes the folder. Throws when a process is left behind, and ends it. */
  async close(): Promise<void> {
    const left = this.left();
    for (const pid of left) process.kill(pid, 'SIGKILL');
    await rm(this.directory, { recursive: true, force: true });
    if (left.length > 0) throw new Error(`left running: ${left.join(', ')}`);
  }
}
