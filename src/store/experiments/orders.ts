import type { Redis } from 'ioredis';
import { type ExperimentControl, ExperimentOrder, NO_CONTROL, controlOf } from '../../domain/experiment-control.ts';
import type { Keys } from '../keys.ts';

/** What operators have said of experiments (`sluice experiment stop|promote`), by name. */
export function createExperimentOrders(redis: Redis, keys: Keys) {
  async function read(): Promise<Map<string, ExperimentOrder>> {
    const orders = await redis.hgetall(keys.experimentOrders);
    return new Map(Object.entries(orders).flatMap(([name, text]) => understand(name, text)));
  }

  /** In place of what was said before. */
  async function give(name: string, order: ExperimentOrder): Promise<void> {
    await redis.hset(keys.experimentOrders, name, JSON.stringify(order));
  }

  /** The experiment goes on as configured. Returns false when nothing was said of it. */
  async function takeBack(name: string): Promise<boolean> {
    return (await redis.hdel(keys.experimentOrders, name)) === 1;
  }

  return { read, give, takeBack };
}

/** One that a later version wrote and we do not understand is none. */
function understand(name: string, text: string): [string, ExperimentOrder][] {
  try {
    return [[name, ExperimentOrder.parse(JSON.parse(text))]];
  } catch {
    return [];
  }
}

export type ExperimentControlReader = {
  /** The newest known; never waits. The same object for as long as nothing has changed. */
  current(): ExperimentControl;
  refresh(): Promise<void>;
};

export function createExperimentControlReader(redis: Redis, keys: Keys): ExperimentControlReader {
  const orders = createExperimentOrders(redis, keys);
  let control = NO_CONTROL;
  let known = '';

  async function refresh(): Promise<void> {
    const read = await orders.read();
    const text = JSON.stringify([...read].map((entry) => JSON.stringify(entry)).toSorted());
    if (text === known) return;
    known = text;
    control = controlOf(read);
  }

  return { current: () => control, refresh };
}
