import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { type BatchOrders, createBatchOrders, type OrderProgress, type StoredOrder } from '../../store/batch-orders.ts';
import { createOrderDriving } from '../../store/order-driving.ts';
import { openFileStore } from '../files/file-store.ts';
import type { GatewayTools } from '../tools.ts';
import { type Drive, isStepDue, NoLongerOurs, type StepTools, takeStep } from './steps.ts';
import { createWebhookSender } from './webhook-sender.ts';

export type BatchDriverOptions = {
  /** How often open orders are looked at. */
  pollMs?: number;
  /** How long after a gateway's last sign of life others take its orders over. */
  leaseMs?: number;
};

export type BatchDriver = {
  /** Drives orders until it is stopped. */
  start(): void;
  /** Breaks off the steps under way; whoever comes next goes on with them. */
  stop(): Promise<void>;
};

const POLL_MS = 1_000;
const LEASE_MS = 15_000;
/** Steps that read or write whole files, at a time. */
const AT_ONCE = 4;
/** Rows whose worker was silent when they were called off are called off again. */
const LOOK_AGAIN_MS = 10_000;
const LONGEST_PAUSE_MS = 60_000;
const SWEEP_EVERY_MS = 10 * 60_000;

/** Drives the batches that were ordered over HTTP, together with all other gateways of the installation. */
export function createBatchDriver(tools: GatewayTools, options: BatchDriverOptions = {}): BatchDriver {
  const { pollMs = POLL_MS } = options;
  const controller = new AbortController();
  const driving = new Driving(tools, options.leaseMs ?? LEASE_MS);
  let running: Promise<void> | undefined;

  async function run(): Promise<void> {
    while (!controller.signal.aborted) {
      await driving.look();
      await sleep(pollMs, undefined, { signal: controller.signal }).catch(() => {});
    }
    await driving.stop();
  }

  return {
    start() {
      running ??= run();
    },
    async stop() {
      controller.abort();
      await running;
    },
  };
}

/** An order in our hands. */
type Held = {
  controller: AbortController;
  work: Promise<void> | undefined;
  /** By `performance.now()`. */
  lookAt: number;
  failures: number;
};

class Driving {
  readonly #id = randomUUID();
  readonly #tools: GatewayTools;
  readonly #leaseMs: number;
  readonly #orders: BatchOrders;
  readonly #steps: StepTools;
  readonly #sweep: () => Promise<unknown>;
  readonly #sendWebhooks: () => Promise<void>;
  readonly #held = new Map<string, Held>();
  readonly #chores = new Map<string, Promise<unknown>>();
  #sweepAt = 0;
  #isCutOff = false;

  constructor(tools: GatewayTools, leaseMs: number) {
    const files = openFileStore(tools);
    this.#tools = tools;
    this.#leaseMs = leaseMs;
    this.#orders = createBatchOrders(tools.redis, tools.keys);
    const { batches, config, now } = tools;
    // An order is known for as long as its files are, where nothing else was said of these, and as its rows are: one with
    // the same Idempotency-Key would find them.
    const keepMs = Math.max(config.gateway.files.keep, config.results.keep);
    const driving = createOrderDriving(tools.redis, tools.keys, { keepMs });
    this.#steps = { batches, config, now, driving, files };
    this.#sweep = () => Promise.all([files.sweep(), driving.sweep(now())]);
    this.#sendWebhooks = createWebhookSender(tools).sendDue;
  }

  /** One look at everything; what takes long goes on behind it. */
  async look(): Promise<void> {
    const { driving } = this.#steps;
    const { logger } = this.#tools;
    try {
      const ids = await driving.take(await driving.open(), this.#id, this.#leaseMs);
      this.#letGo(new Set(ids));
      const stored = await this.#orders.readAll(ids);
      await Promise.all(stored.flatMap((order) => (order ? [this.#drive(order)] : [])));
    } catch (error) {
      // Redis is away, or refuses: looked at again in a moment, and told once.
      if (!this.#isCutOff) logger.warn({ error: nameOf(error) }, 'the open batches cannot be looked at');
      this.#isCutOff = true;
      return;
    }
    if (this.#isCutOff) logger.info('the open batches are looked at again');
    this.#isCutOff = false;
    this.#doChores();
  }

  async stop(): Promise<void> {
    for (const { controller } of this.#held.values()) controller.abort(new Error('the gateway is stopping'));
    await Promise.all([...this.#held.values()].flatMap(({ work }) => work ?? []));
    await Promise.all(this.#chores.values());
    await Promise.all([...this.#held.keys()].map((id) => this.#steps.driving.release(id, this.#id).catch(() => {})));
  }

  /** Others drive these now, or they have ended. */
  #letGo(ours: ReadonlySet<string>): void {
    for (const [id, { controller, work }] of this.#held) {
      if (ours.has(id)) continue;
      controller.abort(new NoLongerOurs());
      if (!work) this.#held.delete(id);
    }
  }

  async #drive(stored: StoredOrder): Promise<void> {
    const { order, progress, cancellingAt } = stored;
    const held = this.#held.get(order.id) ?? {
      controller: new AbortController(),
      work: undefined,
      lookAt: 0,
      failures: 0,
    };
    this.#held.set(order.id, held);
    if (held.work) {
      // What is written is written in any case; what is enqueued would only have to be called off.
      if (cancellingAt !== undefined && progress.stage === 'enqueueing') held.controller.abort(new Error('cancelled'));
      return;
    }
    if (performance.now() < held.lookAt || !(await isStepDue(this.#steps, stored))) return;
    if ([...this.#held.values()].filter(({ work }) => work).length >= AT_ONCE) return;
    if (held.controller.signal.aborted) held.controller = new AbortController();
    const drive = { order, cancellingAt, driver: this.#id, signal: held.controller.signal };
    held.work = this.#work(drive, progress, held).finally(() => (held.work = undefined));
  }

  /** Goes on for as long as there is something to do. */
  async #work(drive: Drive, from: OrderProgress, held: Held): Promise<void> {
    let progress: OrderProgress | undefined = from;
    try {
      while (progress && !drive.signal.aborted) {
        progress = await takeStep(this.#steps, drive, progress);
        held.failures = 0;
      }
      held.lookAt =
        performance.now() + (drive.cancellingAt === undefined && from.ranOutAt === undefined ? 0 : LOOK_AGAIN_MS);
    } catch (error) {
      if (drive.signal.aborted || error instanceof NoLongerOurs) return;
      held.failures += 1;
      const pauseMs = Math.min(LONGEST_PAUSE_MS, 1_000 * 2 ** held.failures);
      held.lookAt = performance.now() + pauseMs;
      const facts = { batch: drive.order.id, stage: progress?.stage, error: nameOf(error), again_in_ms: pauseMs };
      this.#tools.logger.warn(facts, 'a batch did not come on');
    }
  }

  #doChores(): void {
    this.#doChore('webhooks', this.#sendWebhooks);
    if (performance.now() < this.#sweepAt) return;
    this.#sweepAt = performance.now() + SWEEP_EVERY_MS;
    this.#doChore('sweep', this.#sweep);
  }

  #doChore(name: string, chore: () => Promise<unknown>): void {
    if (this.#chores.has(name)) return;
    const done = chore()
      .catch((error: unknown) => this.#tools.logger.warn({ chore: name, error: nameOf(error) }, 'a chore failed'))
      .finally(() => this.#chores.delete(name));
    this.#chores.set(name, done);
  }
}

/** Messages may hold what was in a file. */
function nameOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return error instanceof Error ? `${error.name}${code === '' ? '' : ` ${code}`}` : typeof error;
}
