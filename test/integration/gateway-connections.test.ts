import { once } from 'node:events';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { Readable } from 'node:stream';
import fastify, { type FastifyInstance } from 'fastify';
import { pino } from 'pino';
import { afterEach, describe, expect, test } from 'vitest';
import { type ConnectionLimits, guardConnections } from '../../src/gateway/connections.ts';
import { createErrorSender } from '../../src/gateway/error-sender.ts';
import { createEventWriter } from '../../src/gateway/event-writer.ts';

const apps: FastifyInstance[] = [];
const sockets: Socket[] = [];
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await Promise.all(apps.splice(0).map((app) => app.close()));
});

/** More than the buffers of a connection hold. */
const LARGE = 'x'.repeat(20_000_000);

async function start(limits: ConnectionLimits): Promise<(text: string) => Socket> {
  const app = fastify({ forceCloseConnections: true });
  apps.push(app);
  guardConnections(app, ({ url }) => url === '/upload', limits);
  const sendError = createErrorSender(pino({ level: 'silent' }));
  app.setErrorHandler((error, request, reply) => sendError(error, request, reply));
  app.addContentTypeParser('text/bytes', (_request, payload, done) => done(null, payload));
  app.post('/json', () => 'read');
  app.post('/unread', { onRequest: async (_request, reply) => reply.send('no') }, () => 'read');
  app.post('/upload', async ({ body }) => {
    let bytes = 0;
    for await (const chunk of body as Readable) bytes += (chunk as Buffer).length;
    return `${bytes} bytes`;
  });
  app.get('/large', () => LARGE);
  app.get('/events', (_request, reply) => {
    const writer = createEventWriter(
      reply.raw,
      () => ({}),
      () => reply.raw.destroy(),
      limits.stalledMs,
    );
    reply.hijack();
    for (const half of [LARGE.slice(0, 9_000_000), LARGE.slice(9_000_000)]) writer.write(half);
    writer.end();
    writer.release();
  });
  await app.listen({ port: 0, host: '127.0.0.1' });
  return (text) => {
    const socket = connect((app.server.address() as AddressInfo).port, '127.0.0.1');
    sockets.push(socket);
    socket.on('error', () => {});
    socket.write(text.replaceAll('\n', '\r\n'));
    return socket;
  };
}

const half = (path: string): string =>
  `POST ${path} HTTP/1.1\nhost: x\ncontent-type: ${path === '/upload' ? 'text/bytes' : 'application/json'}\ncontent-length: 4\n\n{`;

async function readAll(socket: Socket): Promise<string> {
  let text = '';
  for await (const chunk of socket) text += String(chunk);
  return text;
}

describe('a client that stops in the middle of its request', () => {
  test.each(['/json', '/upload'])('is told so, and cut off: %s', async (path) => {
    const send = await start({ receivedWithinMs: 60 });
    const answer = await readAll(send(half(path)));
    expect(answer).toMatch(/^HTTP\/1.1 408 /);
    expect(answer).toContain('"the request took too long to arrive"');
  });

  test('is cut off when it had its answer before', async () => {
    const send = await start({ receivedWithinMs: 60 });
    expect(await readAll(send(half('/unread')))).toMatch(/^HTTP\/1.1 200 /);
  });

  test('may take its time with a file, as long as it goes on', async () => {
    const send = await start({ receivedWithinMs: 100 });
    const socket = send(half('/upload').replace('length: 4', 'length: 8'));
    const answer = once(socket, 'data') as Promise<[Buffer]>;
    for (let piece = 0; piece < 7; piece += 1) {
      await new Promise((resolve) => void setTimeout(resolve, 30));
      socket.write('x');
    }
    expect(String((await answer)[0])).toContain('8 bytes');
  });
});

test.each(['/large', '/events'])('a client that reads nothing of its answer is cut off: %s', async (path) => {
  const send = await start({ stalledMs: 100 });
  const socket = send(`GET ${path} HTTP/1.1\nhost: x\n\n`);
  socket.pause();
  await once(apps[0]?.server as NonNullable<FastifyInstance['server']>, 'request');
  await expect.poll(async () => countOf(apps[0]?.server), { interval: 20 }).toBe(0);
});

test.each(['/large', '/events'])('one that reads slowly gets all of it: %s', async (path) => {
  const send = await start({ stalledMs: 100 });
  const socket = send(`GET ${path} HTTP/1.1\nhost: x\nconnection: close\n\n`);
  let bytes = 0;
  for await (const chunk of socket) {
    bytes += (chunk as Buffer).length;
    if (bytes % 7 === 0) await new Promise((resolve) => void setTimeout(resolve, 5));
  }
  expect(bytes).toBeGreaterThan(LARGE.length);
});

function countOf(server: FastifyInstance['server'] | undefined): Promise<number> {
  return new Promise((resolve, reject) => {
    server?.getConnections((error, count) => (error ? reject(error) : resolve(count)));
  });
}
