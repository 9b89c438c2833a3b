import { once } from 'node:events';
import { type AddressInfo, type Socket, connect, createServer } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type FaultProxy, startFaultProxy } from '../chaos/fault-proxy.ts';

/** A proxy in front of a server that sends back what it gets. */
async function startEcho(): Promise<FaultProxy> {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.pipe(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const proxy = await startFaultProxy((server.address() as AddressInfo).port);
  onTestFinished(async () => {
    await proxy.close();
    server.close();
  });
  return proxy;
}

async function open({ port }: FaultProxy): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => {});
  onTestFinished(() => void socket.destroy());
  await once(socket, 'connect');
  return socket;
}

async function echoOf(socket: Socket, text: string): Promise<string> {
  socket.write(text);
  const [echo] = (await once(socket, 'data')) as [Buffer];
  return echo.toString();
}

describe('the fault proxy', () => {
  test('passes everything on, and the end of a connection too', async () => {
    const socket = await open(await startEcho());
    expect(await echoOf(socket, 'hello')).toBe('hello');
    socket.end();
    await once(socket, 'close');
    expect(socket.errored).toBeNull();
  });

  test('lets nothing through in a partition, of old and new connections; all of it afterwards', async () => {
    const proxy = await startEcho();
    const old = await open(proxy);
    await echoOf(old, 'before');
    proxy.blackhole();
    const fresh = await open(proxy);
    const heard: string[] = [];
    for (const [name, socket] of [
      ['old', old],
      ['new', fresh],
    ] as const) {
      socket.on('data', () => heard.push(name));
      socket.on('close', () => heard.push(`${name} closed`));
      socket.write('during');
    }
    // Long enough for several round trips on the loopback.
    await pause(50);
    expect(heard).toEqual([]);
    proxy.heal();
    await expect.poll(() => heard.toSorted(), { interval: 2 }).toEqual(['new', 'old']);
  });

  test('breaks what is open and serves what comes after', async () => {
    const proxy = await startEcho();
    const broken = await open(proxy);
    await echoOf(broken, 'before');
    const broke = once(broken, 'data');
    proxy.reset();
    await expect(broke).rejects.toMatchObject({ code: 'ECONNRESET' });
    expect(await echoOf(await open(proxy), 'after')).toBe('after');
  });

  test('holds both ways back, in order, until it is healed', async () => {
    const proxy = await startEcho();
    const socket = await open(proxy);
    proxy.delay(40);
    const startedAt = performance.now();
    expect(await echoOf(socket, 'slow')).toBe('slow');
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(79);
    const heard: string[] = [];
    socket.on('data', (chunk) => heard.push(chunk.toString()));
    socket.write('first ');
    await pause(5);
    proxy.heal();
    socket.write('second');
    await expect.poll(() => heard.join(''), { interval: 2 }).toBe('first second');
  });
});
