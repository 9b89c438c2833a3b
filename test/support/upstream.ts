import { type IncomingHttpHeaders, type ServerResponse, createServer } from 'node:http';
import { once } from 'node:events';
import { type AddressInfo, type Socket, createServer as createTcpServer } from 'node:net';
import { onTestFinished } from 'vitest';
import { ProviderConfig } from '../../src/domain/config.ts';
import type { GatewayError } from '../../src/domain/errors.ts';
import type { ModelSpec } from '../../src/domain/model.ts';
import type { ChatRequest } from '../../src/domain/request.ts';
import type { Completion } from '../../src/domain/result.ts';
import { type Answer, type CallOptions, type Provider, createProviders } from '../../src/providers/index.ts';

export type Received = { method: string; path: string; headers: IncomingHttpHeaders; body: string };

export type Upstream = { url: string; received: Received[] };

/** A real HTTP server on a free loopback port that answers as the test says. Gone at the end of the test. */
export async function startUpstream(
  answer: (response: ServerResponse, received: Received) => void | Promise<void>,
): Promise<Upstream> {
  const received: Received[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { method = '', url: path = '', headers } = request;
      const call = { method, path, headers, body: Buffer.concat(chunks).toString() };
      received.push(call);
      void answer(response, call);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(
    () =>
      new Promise<void>((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  );
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, received };
}

/** Answers every call alike. A body that is no text is sent as JSON. */
export async function startFixedUpstream(
  status: number,
  body: unknown,
  headers: Record<string, string | string[]> = {},
): Promise<Upstream> {
  return startUpstream((response) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.end(typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body));
  });
}

/** Answers every call with these pieces of a stream, each sent on its own. */
export async function startStreamingUpstream(
  pieces: readonly (string | Uint8Array)[],
  headers: Record<string, string> = {},
): Promise<Upstream> {
  return startUpstream(async (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream', ...headers });
    for (const piece of pieces) {
      response.write(piece);
      // The next turn of the event loop, so that they do not leave in one packet.
      await new Promise((resolve) => setImmediate(resolve));
    }
    response.end();
  });
}

/** A TCP server that does with each connection what the test says. */
export async function startTcp(serve: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>();
  const server = createTcpServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    serve(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Marks that must turn up in no message and no detail of an error. */
export const CANARY = { key: 'sk-canary-4f0c9a71', prompt: 'canary prompt 7d1e', answer: 'canary answer 9b2f' };

export const MODEL: ModelSpec = {
  alias: 'small',
  provider: 'upstream',
  id: 'vendor/small-1',
  price: { inputPicosPerToken: 150_000, outputPicosPerToken: 600_000 },
  priceSource: 'config',
  contextTokens: 8_000,
  maxOutputTokens: 1_000,
  capabilities: new Set(),
  tier: 'small',
  scores: new Map(),
  defaultScore: 0.5,
  latencyMs: { p50: 10, p95: 20 },
  family: 'small',
  weight: 1,
  lacks: new Set(),
  limits: {},
  request: { omit: [] },
};

/** A provider as the configuration makes it; closed at the end of the test. */
export function connectProvider(
  baseUrl: string,
  overrides: Partial<Record<keyof ProviderConfig, unknown>> = {},
): Provider {
  const config = ProviderConfig.parse({
    base_url: baseUrl,
    api_key: CANARY.key,
    allow_private: true,
    timeout: '5s',
    ...overrides,
  });
  const providers = createProviders({ upstream: config });
  onTestFinished(() => providers.close());
  return providers.get('upstream');
}

export const REQUEST: ChatRequest = {
  messages: [{ role: 'user', content: CANARY.prompt }],
  maxTokens: 64,
  parameters: {},
};

export type TestCall = Partial<CallOptions> & { model?: ModelSpec; request?: ChatRequest };

export async function answer(provider: Provider, options: TestCall = {}): Promise<Answer> {
  const { model = MODEL, request = REQUEST, ...rest } = options;
  return provider.complete(model, request, {
    timeoutMs: 5_000,
    signal: new AbortController().signal,
    attemptId: 'j-1:1',
    key: 'default',
    ...rest,
  });
}

export async function complete(provider: Provider, options: TestCall = {}): Promise<Completion> {
  return (await answer(provider, options)).completion;
}

/** The error of a call that must fail. */
export async function failureOf(call: Promise<unknown>): Promise<GatewayError> {
  return call.then(
    () => {
      throw new Error('the call was expected to fail');
    },
    (error: unknown) => error as GatewayError,
  );
}

/** A good answer in OpenAI's shape. */
export function chatCompletion(changes: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    id: 'chatcmpl-1',
    object: 'chat.completion',
    created: 1,
    model: 'vendor/small-1-2026',
    choices: [{ index: 0, message: { role: 'assistant', content: 'four' }, finish_reason: 'stop' }],
    usage: { prompt_tokens: 12, completion_tokens: 3, total_tokens: 15 },
    ...changes,
  };
}
