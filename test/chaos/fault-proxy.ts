import { once } from 'node:events';
import { type AddressInfo, type Socket, connect, createServer } from 'node:net';

/** Stands between a client and a server on 127.0.0.1, and treats their connections as a bad network does. */
export type FaultProxy = {
  readonly port: number;
  /**
   * A partition: old and new connections stay open, nothing passes, and neither end learns anything. What was sent
   * meanwhile passes after `heal`, as TCP would send it again.
   */
  blackhole(): void;
  /** Breaks all connections that are open now. */
  reset(): void;
  /** Holds what is sent from now on back by so much, each way. */
  delay(delayMs: number): void;
  /** Ends a partition and a delay. */
  heal(): void;
  /** Breaks all connections. Safe to call twice. */
  close(): Promise<void>;
};

type Weather = { isBlackhole: boolean; delayMs: number };
type Link = { sockets: readonly [Socket, Socket]; update: () => void };

const LOOPBACK = '127.0.0.1';

export async function startFaultProxy(targetPort: number): Promise<FaultProxy> {
  const weather: Weather = { isBlackhole: false, delayMs: 0 };
  const links = new Set<Link>();
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    const target = connect({ port: targetPort, host: LOOPBACK, allowHalfOpen: true, noDelay: true });
    const link = join(client, target, weather);
    links.add(link);
    client.once('close', () => links.delete(link));
  });
  server.listen(0, LOOPBACK);
  await once(server, 'listening');

  const change = (next: Partial<Weather>): void => {
    Object.assign(weather, next);
    for (const link of links) link.update();
  };
  const reset = (): void => {
    for (const socket of [...links].flatMap((link) => link.sockets)) socket.resetAndDestroy();
  };
  let closed: Promise<unknown> | undefined;
  return {
    port: (server.address() as AddressInfo).port,
    blackhole: () => change({ isBlackhole: true }),
    reset,
    delay: (delayMs) => change({ delayMs }),
    heal: () => change({ isBlackhole: false, delayMs: 0 }),
    close: async () => {
      closed ??= once(server.close(), 'close');
      reset();
      await closed;
    },
  };
}

function join(client: Socket, target: Socket, weather: Weather): Link {
  const updates = [pass(client, target, weather), pass(target, client, weather)];
  for (const [socket, other] of [
    [client, target],
    [target, client],
  ] as const) {
    socket.on('error', () => other.resetAndDestroy());
    socket.once('close', () => other.destroy());
  }
  return { sockets: [client, target], update: () => updates.forEach((update) => update()) };
}

/** One way of a connection. A socket that is not read reports neither data nor its end, so a partition hides both. */
function pass(from: Socket, to: Socket, weather: Weather): () => void {
  const held: { chunk: Buffer | 'end'; dueAt: number }[] = [];
  let timer: NodeJS.Timeout | undefined;
  const flush = (): void => {
    clearTimeout(timer);
    if (weather.isBlackhole || from.destroyed) return;
    for (let next = held[0]; next !== undefined; next = held[0]) {
      const earlyMs = next.dueAt - performance.now();
      if (earlyMs > 0) {
        timer = setTimeout(flush, Math.ceil(earlyMs));
        return;
      }
      held.shift();
      if (next.chunk === 'end') to.end();
      else to.write(next.chunk);
    }
  };
  const hold = (chunk: Buffer | 'end'): void => {
    held.push({ chunk, dueAt: performance.now() + weather.delayMs });
    flush();
  };
  from.on('data', (chunk: Buffer) => hold(chunk));
  from.on('end', () => hold('end'));
  from.once('close', () => clearTimeout(timer));
  const update = (): void => {
    if (weather.isBlackhole) from.pause();
    else from.resume();
    flush();
  };
  update();
  return update;
}
