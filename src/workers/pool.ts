import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import type { Config } from '../domain/config.ts';
import { InputError } from '../domain/errors.ts';
import { createProviders } from '../providers/index.ts';
import { openRouter } from './open-router.ts';
import { gatedModelsOf } from '../store/gates/models.ts';
import { createBatchStore } from '../store/batches.ts';
import { type Keys, createKeys } from '../store/keys.ts';
import { CLOCK_TOLERANCE_MS, demandFit, inspectServer } from '../store/fitness.ts';
import { forgetGonePurses } from '../store/budgets.ts';
import { type Ledger, createLedger } from '../store/ledger.ts';
import { createEvidenceReader } from '../store/evidence/reader.ts';
import { createExperimentControlReader } from '../store/experiments/orders.ts';
import { createObservationReader } from '../store/observations.ts';
import { type PacedPurse, readPacedPurses } from '../store/paced-purses.ts';
import { createParking } from '../store/parking.ts';
import { createRedisClock } from '../store/redis-clock.ts';
import { type RedisTarget, connect } from '../store/redis.ts';
import { createRelaySender } from '../store/relay.ts';
import { createCallExchange } from '../store/told-calls.ts';
import { createCallsUnderWay } from './calls-under-way.ts';
import { obeyCancellations } from './cancellation.ts';
import { type Chore, startChores } from './chores.ts';
import { evidenceChore } from './evidence-chore.ts';
import { experimentChore } from './experiment-chore.ts';
import { watchFitness } from './fitness-watch.ts';
import { guardLedger } from './guarded-ledger.ts';
import { janitorChore } from './janitor.ts';
import { createTurns } from './knowledge.ts';
import { logAlert } from './log.ts';
import { createPacer } from './pacing.ts';
import { rollupChore } from './rollup-chore.ts';
import type { Services } from './services.ts';
import { openTelemetry } from './telemetry.ts';
import { LaneWorker } from './worker.ts';
import { type WriteGuard, createWriteGuard } from './write-guard.ts';

export type WorkerPoolOptions = {
  config: Config;
  redis: RedisTarget;
  logger: Logger;
  /** Jobs at a time in this process, over all its lanes; `workers.concurrency` without it. */
  concurrency?: number;
  /** Only these lanes; all configured ones without it. */
  lanes?: readonly string[];
};

/** Workers go on when none is left. */
type PauseReason = 'writes' | 'fitness';

type ChoreTools = { redis: Redis; keys: Keys; ledger: Ledger; config: Config; logger: Logger };

const OBSERVE_EVERY_MS = 1_000;
/** For a Redis that answers. */
const GIVE_BACK_WITHIN_MS = 5_000;
const PURSES_EVERY_MS = 3_600_000;
const REAP_EVERY_MS = 5_000;

/** A process's share of the work: one worker a lane, each with its part of the concurrency, around one set of services. */
export class WorkerPool {
  readonly #options: WorkerPoolOptions;
  readonly #pauses = new Set<PauseReason>();
  #workers: LaneWorker[] = [];
  /** Undoes what was started, the last first. */
  readonly #undo: (() => Promise<void> | void)[] = [];
  #watch: ReturnType<typeof watchFitness> | undefined;
  #guard: WriteGuard | undefined;
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

  /**
   * Takes jobs from when it resolves. Waits for a Redis that is away; `stop` ends that, too. Throws an InputError with
   * `exitCode` 3 for one that is not fit: too old, evicting, a replica, its clock more than a second from ours.
   */
  start(): Promise<void> {
    this.#started ??= this.#start().catch(async (error: unknown) => {
      await this.#release();
      throw error;
    });
    return this.#started;
  }

  /** Stops taking jobs, waits up to `workers.grace` for the calls under way, gives back what is left. */
  stop(graceMs = this.#options.config.workers.grace): Promise<void> {
    this.#stopped ??= this.#stop(graceMs);
    return this.#stopped;
  }

  async #start(): Promise<void> {
    const { config, logger, redis: target } = this.#options;
    const keys = createKeys(config.redis.prefix);
    const onError = (error: Error): void => logger.debug({ error: error.message }, 'redis connection');
    const [queueRedis, ledgerRedis, subscriber] = [
      connect(target, { name: 'sluice:worker', patient: true, gathers: true }, onError),
      connect(target, { name: 'sluice:ledger', patient: true }, onError),
      connect(target, { name: 'sluice:cancellations', patient: true }, onError),
    ];
    this.#undo.push(() => [queueRedis, ledgerRedis, subscriber].forEach((redis) => redis.disconnect()));
    const inspect = () => inspectServer(ledgerRedis);
    const problems = await inspect();
    demandFit(target, problems);
    for (const { message } of problems) logger.warn(`Redis: ${message}`);
    if (this.#stopped) return;

    const guard = createWriteGuard({
      probe: () => ledgerRedis.set(keys.writeProbe, '1', 'PX', 1_000),
      pause: () => this.#pause('writes'),
      resume: () => this.#resume('writes'),
      logger,
    });
    this.#guard = guard;
    const ledger = createLedger(ledgerRedis, keys, { resultTtlMs: config.results.keep, circuit: config.circuit });
    const telemetry = await openTelemetry(config);
    const services = await this.#openServices(ledgerRedis, keys, guardLedger(ledger, guard), onError);
    if (telemetry) services.providers = telemetry.traceCalls(services.providers);
    if (this.#stopped) return;
    this.#workers = shareOut(config, this.#options).map(
      ({ lane, concurrency }) =>
        new LaneWorker({
          lane,
          concurrency,
          prefix: keys.queues,
          redis: queueRedis,
          services,
          guard,
          logger,
          telemetry: telemetry?.queue,
        }),
    );
    obeyCancellations({ subscriber, redis: ledgerRedis, keys, workers: this.#workers });
    await Promise.all(this.#workers.map((worker) => worker.start()));

    const watch = (this.#watch = watchFitness({
      inspect,
      pause: () => this.#pause('fitness'),
      resume: () => this.#resume('fitness'),
      logger,
    }));
    this.#undo.push(() => watch.stop());
    const tools = { redis: ledgerRedis, keys, ledger, config, logger };
    const chores = startChores({ ...tools, notice: (error) => guard.notice(error), chores: choresOf(tools) });
    this.#undo.push(() => chores.stop());
  }

  async #openServices(redis: Redis, keys: Keys, ledger: Ledger, onError: (error: Error) => void): Promise<Services> {
    const { config, logger } = this.#options;
    const providers = createProviders(config.providers);
    this.#undo.push(() => providers.close());
    const observations = createObservationReader(redis, keys, gatedModelsOf(config));
    const evidence = createEvidenceReader(redis, keys);
    const experiments = createExperimentControlReader(redis, keys);
    const clock = createRedisClock(redis);
    const now = (): number => clock.now();
    const read = (purses: readonly PacedPurse[], at: number) => readPacedPurses(redis, keys, purses, at);
    const pacer = createPacer({ budgets: config.budgets, read, now });
    const calls = createCallsUnderWay();
    const exchangeCalls = createCallExchange(redis, keys, now);
    const refresh = async (): Promise<void> => {
      const learnt = [observations.refresh(), evidence.refresh(), experiments.refresh()];
      await Promise.all([...learnt, pacer.refresh(), clock.read()]);
      if (asksForLoad(config)) calls.setOthers(await exchangeCalls(calls.own()));
      if (Math.abs(Date.now() - clock.now()) > CLOCK_TOLERANCE_MS) this.#watch?.lookNow();
    };
    // One at a time: they would pile up while Redis is away.
    let refreshing: Promise<void> | undefined;
    const timer = setInterval(() => {
      refreshing ??= refresh()
        .catch((error: unknown) => onError(error instanceof Error ? error : new Error('refresh')))
        .finally(() => (refreshing = undefined));
    }, OBSERVE_EVERY_MS);
    this.#undo.push(() => clearInterval(timer));
    await refresh();
    const router = openRouter(config);
    return {
      config,
      router,
      ledger,
      parking: createParking(redis, keys, { resultTtlMs: config.results.keep }),
      batches: createBatchStore(redis, keys, { ttlMs: config.results.keep }),
      providers,
      relay: createRelaySender(redis, keys),
      observations: () => observations.current(),
      evidence: () => evidence.current(),
      experiments: () => experiments.current(),
      pacer,
      calls,
      turnOf: createTurns(),
      notify: (alert) => logAlert(logger, alert),
      now,
      random: Math.random,
    };
  }

  #pause(reason: PauseReason): void {
    this.#pauses.add(reason);
    for (const worker of this.#workers) worker.pause();
  }

  #resume(reason: PauseReason): void {
    this.#pauses.delete(reason);
    if (this.#pauses.size > 0) return;
    for (const worker of this.#workers) worker.resume();
  }

  async #stop(graceMs: number): Promise<void> {
    // Past the grace, what Redis refuses to write is left to those who come after.
    const timer = setTimeout(() => this.#guard?.stop(), graceMs);
    const late = new AbortController();
    const stopped = Promise.all(this.#workers.map((worker) => worker.stop(graceMs)));
    // While Redis is away, nothing can be given back, and BullMQ would wait for it for ever.
    await Promise.race([
      stopped,
      sleep(graceMs + GIVE_BACK_WITHIN_MS, undefined, { signal: late.signal }).catch(() => {}),
    ]);
    late.abort();
    clearTimeout(timer);
    this.#guard?.stop();
    await this.#release();
    await stopped.catch(() => {});
    // One that was still starting has lost its connections by now.
    await this.#started?.catch(() => {});
    await this.#release();
  }

  async #release(): Promise<void> {
    for (const undo of this.#undo.splice(0).toReversed()) await undo();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

/** Whether anything is decided by how many calls are under way. */
function asksForLoad({ models, routing }: Config): boolean {
  return routing.balance !== 'weighted' && Object.values(models).some((model) => model.deployment_of !== undefined);
}

/** What one of all pools does every now and then. */
function choresOf({ redis, keys, ledger, config, logger }: ChoreTools): Chore[] {
  const reap = async (signal: AbortSignal): Promise<void> => {
    const reaped = await ledger.reap(signal);
    if (reaped > 0) logger.warn({ attempts: reaped }, 'attempts written off whose workers are gone');
  };
  const lanes = Object.keys(config.lanes);
  return [
    { name: 'reaper', everyMs: REAP_EVERY_MS, run: reap },
    janitorChore({ redis, keys, ledger, lanes, resultTtlMs: config.results.keep, logger }),
    rollupChore(redis, keys),
    evidenceChore(redis, keys, config),
    experimentChore(redis, keys, config),
    {
      name: 'purses',
      everyMs: PURSES_EVERY_MS,
      run: async (signal) => void (await forgetGonePurses(redis, keys, signal)),
    },
  ];
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
