import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readlinkSync } from 'node:fs';
import { mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach } from 'vitest';
import type { SimProfilesInput } from '../../src/sim/profiles.ts';
import type { LedgerCall, LedgerTotals } from '../../src/sim/ledger.ts';
import { type EmbeddedRedis, acquireEmbeddedRedis } from '../../src/store/embedded/index.ts';
import { CliProcess } from './cli-folder.ts';
import type { HostRequest } from './cli-host.ts';
import { type ConfigInput, type Stores, openStores, until } from './harness.ts';

const HOST = fileURLToPath(new URL('cli-host.ts', import.meta.url));
const PROGRAM = fileURLToPath(new URL('../../bin/sluice.js', import.meta.url));
/** Half of what a short command costs is compiling it. */
const COMPILED = join(tmpdir(), 'sluice-test-compile-cache');

export type CliRun = { code: number | null; stdout: string; stderr: string };
export type CliOptions = {
  env?: Record<string, string>;
  /** Text or bytes for stdin, `open` for one that never ends; without it stdin is empty. */
  input?: string | Buffer | { open: true };
};

export type SimProcess = {
  url: string;
  process: CliProcess;
  totals(): Promise<LedgerTotals>;
  calls(): Promise<LedgerCall[]>;
};

/** A folder in which commands are run as a person would, with a Redis of its own that outlives them. */
export class Workshop {
  readonly directory: string;
  readonly redis: EmbeddedRedis;
  readonly stores: Stores;
  readonly #started: CliProcess[] = [];

  private constructor(directory: string, redis: EmbeddedRedis) {
    this.directory = directory;
    this.redis = redis;
    this.stores = openStores('{sluice}', redis.socketPath);
    // A test may kill Redis; what then fails is for the test to see.
    this.stores.redis.on('error', () => {});
  }

  static async open(): Promise<Workshop> {
    const directory = await realpath(await mkdtemp(join(tmpdir(), 'sluice-e2e-')));
    const redis = await acquireEmbeddedRedis({ directory, install: false, log: () => {} });
    return new Workshop(directory, redis);
  }

  async write(name: string, content: string | Buffer): Promise<string> {
    await writeFile(join(this.directory, name), content);
    return name;
  }

  read(name: string): Promise<string> {
    return readFile(join(this.directory, name), 'utf8');
  }

  has(name: string): boolean {
    return existsSync(join(this.directory, name));
  }

  /** A file of JSON lines, parsed. */
  async readLines(name: string): Promise<Record<string, unknown>[]> {
    return parseLines(await this.read(name));
  }

  /** Starts a command. It gets only the environment that is given, besides a PATH. */
  start(commandArguments: readonly string[], { env = {}, input }: CliOptions = {}): CliProcess {
    const child = spawn(process.execPath, [PROGRAM, ...commandArguments], {
      cwd: this.directory,
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { PATH: process.env['PATH'], HOME: this.directory, NODE_COMPILE_CACHE: COMPILED, ...env },
    });
    // A command that refuses its arguments does not read its input to the end.
    child.stdin.on('error', () => {});
    if (input === undefined || typeof input === 'string' || Buffer.isBuffer(input)) child.stdin.end(input);
    const started = new CliProcess(child);
    this.#started.push(started);
    return started;
  }

  async run(commandArguments: readonly string[], options?: CliOptions): Promise<CliRun> {
    const started = this.start(commandArguments, options);
    const code = await started.exited;
    return { code, stdout: started.stdout, stderr: started.stderr };
  }

  /**
   * One process in which many commands are run, one at a time: for short ones that read no stdin and await no signal.
   * What each prints and its exit code are what a process of its own would give.
   */
  startHost(): { run(commandArguments: readonly string[], env?: Record<string, string>): Promise<CliRun> } {
    const child = spawn(process.execPath, [HOST], {
      cwd: this.directory,
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      env: { PATH: process.env['PATH'], HOME: this.directory, NODE_COMPILE_CACHE: COMPILED },
    });
    this.#started.push(new CliProcess(child));
    let last: Promise<unknown> = Promise.resolve();
    const runNow = async (request: HostRequest): Promise<CliRun> => {
      const reply = once(child, 'message') as Promise<[CliRun]>;
      child.send(request);
      return (await reply)[0];
    };
    return {
      run(commandArguments, env = {}) {
        const run = last.then(() => runNow({ commandArguments, env }));
        last = run.catch(() => {});
        return run;
      },
    };
  }

  async startSim(profiles: SimProfilesInput, ...options: string[]): Promise<SimProcess> {
    const file = await this.write('profiles.json', JSON.stringify(profiles));
    const sim = this.start(['sim', file, '--port', '0', ...options]);
    const url = (await sim.said(/http:\/\/127\.0\.0\.1:\d+\/v1/))[0]?.[0] ?? '';
    const get = async (path: string): Promise<string> => (await fetch(new URL(path, url))).text();
    return {
      url,
      process: sim,
      totals: async () => JSON.parse(await get('/ledger')) as LedgerTotals,
      calls: async () => parseLines(await get('/ledger/calls')) as LedgerCall[],
    };
  }

  /** Writes `sluice.yaml`: models `cheap` and `dear` of a simulated provider, and what is given beside them. */
  async configure(simUrl: string, more: Partial<ConfigInput> = {}): Promise<void> {
    const config: ConfigInput = {
      providers: { sim: { base_url: simUrl, allow_private: true, timeout: '20s' } },
      models: {
        cheap: { provider: 'sim', id: 'sim/cheap', price: { input: 1, output: 4 }, tier: 'small' },
        dear: { provider: 'sim', id: 'sim/dear', price: { input: 10, output: 40 }, tier: 'large' },
      },
      tasks: { simple: {}, coding: {} },
      routing: { strategy: 'order', default_max_tokens: 64 },
      ...more,
    };
    // JSON is YAML.
    await this.write('sluice.yaml', JSON.stringify(config, null, 2));
  }

  /** How many jobs of any state the queues hold. */
  async jobsInQueues(): Promise<number> {
    const keys = await this.stores.redis.keys('{sluice}:*');
    return keys.filter((key) => /^\{sluice\}:queue:(interactive|batch):[^:]+-\d+$/.test(key)).length;
  }

  /** Pids of processes that run in this folder, whoever started them; the folder's Redis aside. */
  left(): number[] {
    return processesIn(this.directory);
  }

  /** Ends what still runs and removes the folder; throws when something outlived the command that started it. */
  async close(): Promise<void> {
    // A host is connected; its commands have left their handlers for SIGTERM behind.
    for (const { child } of this.#started) child.kill(child.connected ? 'SIGKILL' : 'SIGTERM');
    await Promise.all(this.#started.map((started) => started.exited));
    await this.stores.close();
    await this.redis.release();
    const left = this.left();
    for (const pid of left) process.kill(pid, 'SIGKILL');
    await rm(this.directory, { recursive: true, force: true });
    if (left.length > 0) throw new Error(`left running: ${left.join(', ')}`);
  }
}

/** For the top of a test file: workshops that are closed, and looked over, after each test. */
export function useWorkshop(): () => Promise<Workshop> {
  const open: Workshop[] = [];
  afterEach(async () => {
    await Promise.all(open.splice(0).map((workshop) => workshop.close()));
  });
  return async () => {
    const workshop = await Workshop.open();
    open.push(workshop);
    return workshop;
  };
}

/** Waits until no process runs in the workshop's folder. */
export async function untilNothingRuns(workshop: Workshop): Promise<void> {
  await until('all processes to end', () => workshop.left().length === 0, 15_000);
}

export function parseLines(text: string): Record<string, unknown>[] {
  const lines = text.split('\n').filter((line) => line !== '');
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}

/** By their working directory, which Linux tells; elsewhere nothing is found. */
function processesIn(folder: string): number[] {
  if (!existsSync('/proc/self/cwd')) return [];
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.filter((pid) => workingDirectoryOf(pid) === folder).map(Number);
}

function workingDirectoryOf(pid: string): string {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    // It has ended, or is somebody else's.
    return '';
  }
}
