import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { SimAnswers } from './answers.ts';
import { createChatHandler } from './chat.ts';
import { createFaultPicker, type FaultRule } from './faults.ts';
import { createLedger, type Ledger } from './ledger.ts';
import { createPlanner } from './model.ts';
import { errorBody, statusErrorBody } from './openai.ts';
import { parseProfiles, type SimProfilesInput } from './profiles.ts';
import { sendJson, sendText } from './reply.ts';

/** A provider that does not exist: OpenAI-shaped, seeded, with faults and a ledger of what it was really asked. */
export type SimOptions = {
  /** Default 127.0.0.1. */
  host?: string;
  /** Default 0: any free port. */
  port?: number;
  /** Same seed, same answers and faults. Default 1. */
  seed?: number;
  profiles: SimProfilesInput;
  answers?: SimAnswers;
  faults?: readonly FaultRule[];
  /** How many ended calls `GET /ledger/calls` tells. Default 10,000. */
  keepCalls?: number;
  /** When set, `/v1` wants it as bearer token. */
  apiKey?: string;
};

export type Sim = {
  /** What an OpenAI client takes as its base URL: `http://127.0.0.1:4010/v1`. */
  url: string;
  port: number;
  ledger: Ledger;
  /** Drops every open connection. May be called again. */
  stop(): Promise<void>;
};

const DEFAULT_KEEP_CALLS = 10_000;
const MAX_BODY_BYTES = 10 * 1024 * 1024;
/** Longer than clients keep an idle connection, so that none is closed under a request. */
const KEEP_ALIVE_MS = 65_000;

type Route = (request: IncomingMessage, response: ServerResponse) => void;

/** Throws an Error of one line when the profiles are bad or the port is taken. */
export async function startSim(options: SimOptions): Promise<Sim> {
  const { host = '127.0.0.1', port: wantedPort = 0, keepCalls = DEFAULT_KEEP_CALLS } = options;
  const ledger = createLedger(keepCalls);
  const routes = createRoutes(options, ledger);
  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, (request, response) => {
    const path = request.url?.split('?', 1)[0] ?? '/';
    const route = routes.get(`${request.method} ${path}`);
    if (route !== undefined) return route(request, response);
    sendJson(
      response,
      404,
      errorBody(`Unknown URL: ${request.method} ${path}`, 'invalid_request_error', 'unknown_url'),
    );
  });
  const port = await listen(server, host, wantedPort);
  let stopping: Promise<void> | undefined;
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${port}/v1`,
    port,
    ledger,
    stop: () => (stopping ??= close(server)),
  };
}

function createRoutes(options: SimOptions, ledger: Ledger): ReadonlyMap<string, Route> {
  const { seed = 1, answers = new Map(), faults = [], apiKey } = options;
  const profiles = parseProfiles(options.profiles);
  const plan = createPlanner({ seed, profiles, answers, pickFault: createFaultPicker(faults, profiles) });
  const chat = createChatHandler({ plan, ledger, ...(apiKey === undefined ? {} : { apiKey }) });
  const created = Math.floor(Date.now() / 1000);
  const models = JSON.stringify({
    object: 'list',
    data: Object.keys(profiles).map((id) => ({ id, object: 'model', created, owned_by: 'sluice-sim' })),
  });

  return new Map<string, Route>([
    ['POST /v1/chat/completions', (request, response) => readBody(request, response, chat)],
    [
      'GET /v1/models',
      (request, response) => {
        const isAllowed = apiKey === undefined || request.headers.authorization === `Bearer ${apiKey}`;
        sendJson(response, isAllowed ? 200 : 401, isAllowed ? models : statusErrorBody(401, ''));
      },
    ],
    ['GET /healthz', (_request, response) => sendJson(response, 200, '{"status":"ok"}')],
    ['GET /ledger', (_request, response) => sendJson(response, 200, JSON.stringify(ledger.totals()))],
    [
      'GET /ledger/calls',
      (_request, response) => {
        const lines = ledger.calls().map((call) => `${JSON.stringify(call)}\n`);
        sendText(response, 200, 'application/jsonl', lines.join(''));
      },
    ],
    [
      'POST /ledger/reset',
      (_request, response) => {
        ledger.reset();
        sendJson(response, 200, '{"status":"reset"}');
      },
    ],
  ]);
}

function readBody(
  request: IncomingMessage,
  response: ServerResponse,
  use: (request: IncomingMessage, response: ServerResponse, body: string) => void,
): void {
  const chunks: Buffer[] = [];
  let bytes = 0;
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes <= MAX_BODY_BYTES) chunks.push(chunk);
  });
  request.on('end', () => {
    if (bytes <= MAX_BODY_BYTES) return use(request, response, Buffer.concat(chunks).toString());
    sendJson(
      response,
      413,
      errorBody(`The body is larger than ${MAX_BODY_BYTES} bytes.`, 'invalid_request_error', null),
    );
  });
}

function listen(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const reason = cause.code === 'EADDRINUSE' ? 'is taken; choose another port' : `cannot be used: ${cause.message}`;
      reject(new Error(`simulated provider: ${host}:${port} ${reason}`, { cause }));
    });
    server.listen(port, host, () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : port);
    });
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
