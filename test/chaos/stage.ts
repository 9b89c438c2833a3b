import { createHash } from 'node:crypto';
import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { Config } from '../../src/domain/config.ts';
import type { PromptJob, QueuedJob } from '../../src/domain/job.ts';
import { rowJobId } from '../../src/domain/row-id.ts';
import { Batches } from '../../src/producer/batch.ts';
import { prepareJob } from '../../src/producer/intake.ts';
import type { FaultRule } from '../../src/sim/faults.ts';
import type { SimProfilesInput } from '../../src/sim/profiles.ts';
import { type Sim, startSim } from '../../src/sim/server.ts';
import { type Keys, createKeys } from '../../src/store/keys.ts';
import { type Audit, auditBooks } from './audit.ts';
import { type Books, type Strike, UNENDED_STATES, openAttempts, readBooks } from './books.ts';
import { type FaultProxy, startFaultProxy } from './fault-proxy.ts';
import type { Plant } from './fault.ts';
import { type RedisServer, type RedisServerOptions, startRedisServer } from './redis-server.ts';
import { type ConfigInput, LANE, profilesAt, stageConfig } from './stage-config.ts';
import { type WorkerOptions, type WorkerProcess, startWorkerProcess } from './worker-process.ts';

export type StageOptions = {
  /** Replaces whole fields of the stage's own configuration. */
  config?: Partial<ConfigInput>;
  /** How the simulated models behave, and fail. */
  profiles?: SimProfilesInput;
  /** How long a call may take: `3s` without it. */
  callTimeout?: string;
  faults?: readonly FaultRule[];
  redis?: Pick<RedisServerOptions, 'appendfsync' | 'extraArguments'>;
  /** Workers reach Redis, or their providers, through a proxy that can be made to fail. */
  hasRedisProxy?: boolean;
  hasProviderProxy?: boolean;
};

export type SubmitOptions = {
  id?: string;
  /** The cap of the whole batch. */
  maxTotalNanos?: number;
};

type Parts = {
  server: RedisServer;
  redisProxy: FaultProxy | undefined;
  providerProxy: FaultProxy | undefined;
  sim: Sim;
  configInput: ConfigInput;
  redis: Redis;
  plant: Plant | undefined;
};

const CONCURRENCY = 4;
const KEPT_CALLS = 200_000;
const LOOK_EVERY_MS = 40;
/** Jobs without a result get none any more when their queue has had nothing to do for so long. */
const QUIET_MS = 2_000;

/**
 * A whole installation of its own: Redis and workers as processes, the simulated provider in this one, where its book is
 * the auditor's. All that it starts ends with `close`.
 */
export class Stage {
  readonly config: Config;
  readonly keys: Keys;
  /** Straight to Redis; waits through its outages. */
  readonly redis: Redis;
  readonly server: RedisServer;
  readonly sim: Sim;
  readonly queue: Queue<QueuedJob>;
  readonly workers: WorkerProcess[] = [];
  readonly #parts: Parts;
  readonly #cleanup: AsyncDisposableStack;
  readonly #jobs = new Set<string>();
  readonly #caps = new Map<string, number>();
  readonly #strikes: Strike[] = [];

  private constructor(parts: Parts, cleanup: AsyncDisposableStack) {
    this.#parts = parts;
    this.#cleanup = cleanup;
    this.config = Config.parse(parts.configInput);
    this.keys = createKeys(this.config.redis.prefix);
    this.redis = parts.redis;
    this.server = parts.server;
    this.sim = parts.sim;
    this.queue = new Queue<QueuedJob>(LANE, { connection: parts.redis, prefix: this.keys.queues });
    this.queue.on('error', () => {});
    cleanup.defer(() => this.queue.close());
    cleanup.defer(async () => void (await Promise.all(this.workers.map((worker) => worker.kill()))));
  }

  static async open(options: StageOptions & { seed: number; plant?: Plant | undefined }): Promise<Stage> {
    await using cleanup = new AsyncDisposableStack();
    const directory = await mkdtemp(join(tmpdir(), 'sluice-chaos-'));
    const remove = (): void => rmSync(directory, { recursive: true, force: true });
    process.once('exit', remove);
    cleanup.defer(() => {
      process.off('exit', remove);
      remove();
    });
    const server = cleanup.adopt(await startRedisServer({ directory, ...options.redis }), (redis) => redis.stop());
    const { profiles = profilesAt(), faults, seed } = options;
    const rules = faults ? { faults } : {};
    const sim = cleanup.adopt(await startSim({ profiles, seed, keepCalls: KEPT_CALLS, ...rules }), (it) => it.stop());
    const proxyOf = async (isWanted: boolean | undefined, port: number): Promise<FaultProxy | undefined> =>
      isWanted ? cleanup.adopt(await startFaultProxy(port), (proxy) => proxy.close()) : undefined;
    const redisProxy = await proxyOf(options.hasRedisProxy, server.port);
    const providerProxy = await proxyOf(options.hasProviderProxy, sim.port);
    const providerPort = providerProxy?.port ?? sim.port;
    const configInput = stageConfig({ providerPort, callTimeout: options.callTimeout ?? '3s' }, options.config);
    const redis = new Redis(server.port, '127.0.0.1', { maxRetriesPerRequest: null });
    redis.on('error', () => {});
    cleanup.defer(() => redis.disconnect());
    const parts = { server, redisProxy, providerProxy, sim, configInput, redis, plant: options.plant };
    return new Stage(parts, cleanup.move());
  }

  get redisProxy(): FaultProxy {
    if (!this.#parts.redisProxy) throw new Error('open the stage with hasRedisProxy');
    return this.#parts.redisProxy;
  }

  get providerProxy(): FaultProxy {
    if (!this.#parts.providerProxy) throw new Error('open the stage with hasProviderProxy');
    return this.#parts.providerProxy;
  }

  /** As `sluice.yaml` would say it. */
  get configInput(): ConfigInput {
    return this.#parts.configInput;
  }

  /** Starts one, and resolves when it takes jobs. */
  async startWorker(options: Partial<Omit<WorkerOptions, 'redisUrl'>> = {}): Promise<WorkerProcess> {
    const { redisProxy, server, plant, configInput } = this.#parts;
    const worker = startWorkerProcess({
      config: configInput,
      concurrency: CONCURRENCY,
      ...options,
      redisUrl: `redis://127.0.0.1:${redisProxy?.port ?? server.port}`,
      patches: [...(plant?.patches ?? []), ...(options.patches ?? [])],
    });
    this.workers.push(worker);
    await worker.ready;
    return worker;
  }

  async startWorkers(count: number, options: Partial<Omit<WorkerOptions, 'redisUrl'>> = {}): Promise<WorkerProcess[]> {
    return Promise.all(Array.from({ length: count }, () => this.startWorker(options)));
  }

  /** Puts jobs into the queue as a batch, and holds them to account. A number stands for so many different ones. */
  async submit(rows: number | readonly PromptJob[], options: SubmitOptions = {}): Promise<string[]> {
    const { id = 'rows', maxTotalNanos } = options;
    const jobs = typeof rows === 'number' ? Array.from({ length: rows }, (_, row) => jobOf(row)) : rows;
    const ids = jobs.map((_, row) => rowJobId(id, row));
    this.expect(ids);
    if (maxTotalNanos !== undefined) this.#caps.set(id, maxTotalNanos);
    const batches = new Batches({ config: this.config, redis: { url: `redis://127.0.0.1:${this.server.port}` } });
    try {
      await batches.submit({
        id,
        digest: createHash('sha256').update(JSON.stringify(jobs)).digest('hex'),
        total: jobs.length,
        lane: LANE,
        rows: this.#prepare(jobs),
        ...(maxTotalNanos === undefined ? {} : { maxTotalNanos }),
      });
    } finally {
      await batches.close();
    }
    return ids;
  }

  /** Holds jobs to account that were put into the queue in another way. */
  expect(jobIds: readonly string[]): void {
    for (const jobId of jobIds) this.#jobs.add(jobId);
  }

  /** How many jobs have a result. */
  async countEnded(): Promise<number> {
    const ids = [...this.#jobs];
    return ids.length === 0 ? 0 : this.redis.exists(ids.map((id) => this.keys.result(id)));
  }

  /** Waits until so many jobs have a result. */
  async untilCount(count: number, timeoutMs = 60_000): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    while ((await this.countEnded()) < count) {
      if (performance.now() > deadline) throw new Error(`fewer than ${count} jobs ended within ${timeoutMs} ms`);
      await pause(LOOK_EVERY_MS);
    }
  }

  /**
   * Call it as a fault begins (of Redis: before): notes which calls are under way, by which the recovery is measured.
   * `inFlight` is how many of them the fault may cause to be made again: the concurrency of the workers that it hits.
   * `isForAll`: it hits all jobs under way; otherwise those whose attempt comes to nothing.
   */
  async strike(inFlight: number, { isForAll = false } = {}): Promise<void> {
    const at = Date.now();
    this.#strikes.push({ at, inFlight, isForAll, open: await openAttempts(this.redis, this.keys) });
  }

  /** Waits until every job has its result and nothing is going on any more. False when that takes too long. */
  async untilEnded(timeoutMs = 60_000): Promise<boolean> {
    const deadline = performance.now() + timeoutMs;
    let quietSince: number | undefined;
    while (performance.now() < deadline) {
      const isIdle = await this.#isIdle();
      if (isIdle && (await this.countEnded()) === this.#jobs.size) return true;
      quietSince = isIdle ? (quietSince ?? performance.now()) : undefined;
      if (quietSince !== undefined && performance.now() - quietSince > QUIET_MS) return true;
      await pause(LOOK_EVERY_MS);
    }
    return false;
  }

  async audit(): Promise<Audit> {
    return auditBooks(await this.books());
  }

  async books(): Promise<Books> {
    const { sim, redis, keys, config, queue } = this;
    return readBooks({ sim, redis, keys, config, queue, jobs: this.#jobs, caps: this.#caps, strikes: this.#strikes });
  }

  /** Safe to call twice. */
  async close(): Promise<void> {
    await this.#cleanup.disposeAsync();
  }

  /** Nothing in the queue, no attempt open, no call at the provider. */
  async #isIdle(): Promise<boolean> {
    const { calls, answered, failed, aborted } = this.sim.ledger.totals();
    if (calls > answered + failed + aborted) return false;
    const counts = await this.queue.getJobCounts(...UNENDED_STATES);
    if (Object.values(counts).some((count) => count > 0)) return false;
    return (await this.redis.hlen(this.keys.open)) === 0;
  }

  async *#prepare(jobs: readonly PromptJob[]): AsyncGenerator<QueuedJob> {
    for (const job of jobs) {
      const prepared = prepareJob(job, { config: this.config, lane: LANE, now: Date.now });
      if (!prepared.ok) throw new Error(`a job of the stage is bad: ${prepared.problems[0]?.message}`);
      yield prepared.job;
    }
  }
}

function jobOf(row: number): PromptJob {
  return { id: `r-${row}`, prompt: `Say something about row ${row}.` };
}
