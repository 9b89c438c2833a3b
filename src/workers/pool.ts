import type { Logger } from 'pino';
import type { Config } from '../domain/config.ts';
import { InputError } from '../domain/errors.ts';
import { createProviders } from '../providers/index.ts';
import { createRouter } from '../router/index.ts';
import { gatedModelsOf } from '../store/gates/models.ts';
import { createKeys } from '../store/keys.ts';
import { createLedger } from '../store/ledger.ts';
import { createObservationReader } from '../store/observations.ts';
import { type RedisTarget, connect } from '../store/redis.ts';
import type { Services } from './services.ts';
import { LaneWorker } from './worker.ts';

export type WorkerPoolOptions = {
  config: Config;
  redis: RedisTarget;
  logger: Logger;
  /** Jobs at a time in this process, over all its lanes; `workers.concurrency` without it. */
  concurrency?: number;
  /** Only these lanes; all configured ones without it. */
  lanes?: readonly string[];
};

const OBSERVE_EVERY_MS = 1_000;

/** A process's share of the work: one worker a lane, each with its part of the concurrency, around one set of services. */
export class WorkerPool {
  readonly #options: WorkerPoolOptions;
  #workers: LaneWorker[] = [];
  #release: () => Promise<void> = async () => {};
  #started: Promise<void> | undefined;
  #stopped: Promise<void> | undefined;

  constructor(options: WorkerPoolOptions) {
    for (const lane of options.lanes ?? []) {
      if (!Object.hasOwn(options.config.lanes, lane)) {
        throw new InputError(`unknown lane "${lane}"; known: ${Object.keys(options.config.lanes).join(', ')}`);
      }
    }
    this.#options = options;
  }

  /** Takes jobs from when it resolves. Waits for a Redis that is away; `stop` ends that, too. */
  start(): Promise<void> {
    this.#started ??= this.#start();
    return this.#started;
  }

  /** Stops taking jobs, waits up to `workers.grace` for the calls under way, gives back what is left. */
  stop(graceMs = this.#options.config.workers.grace): Promise<void> {
    this.#stopped ??= this.#stop(graceMs);
    return this.#stopped;
  }

  async #start(): Promise<void> {
    const { config, logger } = this.#options;
    const keys = createKeys(config.redis.prefix);
    const onError = (error: Error): void => logger.debug({ error: error.message }, 'redis connection');
    const queueRedis = connect(this.#options.redis, { name: 'sluice:worker', patient: true, gathers: true }, onError);
    const ledgerRedis = connect(this.#options.redis, { name: 'sluice:ledger', patient: true }, onError);
    const providers = createProviders(config.providers);
    const router = createRouter(config);
    const observations = createObservationReader(ledgerRedis, keys, gatedModelsOf(config));
    const services: Services = {
      config,
      router,
      ledger: createLedger(ledgerRedis, keys, { resultTtlMs: config.results.keep, circuit: config.circuit }),
      providers,
      observations: () => observations.current(),
      now: Date.now,
      random: Math.random,
    };
    const timer = setInterval(() => {
      observations.refresh().catch((error: unknown) => onError(error instanceof Error ? error : new Error('refresh')));
    }, OBSERVE_EVERY_MS);
    this.#release = async () => {
      clearInterval(timer);
      await providers.close();
      queueRedis.disconnect();
      ledgerRedis.disconnect();
    };
    await observations.refresh();
    if (this.#stopped) return;
    this.#workers = shareOut(config, this.#options).map(
      ({ lane, concurrency }) =>
        new LaneWorker({ lane, concurrency, prefix: keys.prefix, redis: queueRedis, services, logger }),
    );
    await Promise.all(this.#workers.map((worker) => worker.start()));
  }

  async #stop(graceMs: number): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.stop(graceMs)));
    await this.#release();
    // One that was still starting has lost its connections by now.
    await this.#started?.catch(() => {});
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

/**
 * Each lane's part of the process's concurrency, by the lanes' shares; at least one job at a time each. The parts sum to
 * the whole, unless there are more lanes than jobs at a time.
 */
export function shareOut(
  config: Config,
  options: { concurrency?: number; lanes?: readonly string[] },
): { lane: string; concurrency: number }[] {
  const total = options.concurrency ?? config.workers.concurrency;
  const lanes = Object.entries(config.lanes).filter(([name]) => options.lanes?.includes(name) ?? true);
  const shares = lanes.reduce((sum, [, lane]) => sum + lane.share, 0);
  let seen = 0;
  let given = 0;
  return lanes.map(([name, lane]) => {
    seen += lane.share;
    const concurrency = Math.max(1, Math.round((total * seen) / shares) - given);
    given += concurrency;
    return { lane: name, concurrency };
  });
}
