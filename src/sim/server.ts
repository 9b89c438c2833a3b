import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { SimAnswers } from './answers.ts';
import { anthropicWire } from './anthropic.ts';
import { createChatHandler } from './chat.ts';
import { createFaultPicker, type FaultRule, parseFaultRule } from './faults.ts';
import { createLedger, type Ledger } from './ledger.ts';
import { createLimiter } from './limits.ts';
import { createPlanner } from './model.ts';
import { googleWire } from './google.ts';
import { errorBody, openAiWire } from './openai.ts';
import { openRouterWire } from './openrouter.ts';
import { parseProfiles, type SimProfilesInput } from './profiles.ts';
import { sendJson, sendReply, sendText } from './reply.ts';
import type { Wire } from './wire.ts';

/** A provider that does not exist: it speaks the APIs of several, seeded, with faults and a ledger of what it was really asked. */
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
  /** When set, every request for a completion or for the models must carry it. */
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

/** The APIs that it speaks; the first one to which a request belongs serves it. */
const WIRES: readonly Wire[] = [anthropicWire, googleWire, openAiWire, openRouterWire];

/** Throws an Error of one line when the profiles are bad or the port is taken. */
export async function startSim(options: SimOptions): Promise<Sim> {
  const { host = '127.0.0.1', port: wantedPort = 0, keepCalls = DEFAULT_KEEP_CALLS } = options;
  const ledger = createLedger(keepCalls);
  const routeOf = createRoutes(options, ledger);
  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, (request, response) => {
    const path = request.url?.split('?', 1)[0] ?? '/';
    const route = routeOf(request, path);
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

function createRoutes(
  options: SimOptions,
  ledger: Ledger,
): (request: IncomingMessage, path: string) => Route | undefined {
  const { seed = 1, answers = new Map(), faults = [], apiKey } = options;
  const profiles = parseProfiles(options.profiles);
  let pickFault = createFaultPicker(faults, profiles);
  const plan = createPlanner({ seed, profiles, answers, pickFault: (model, hash) => pickFault(model, hash) });
  const limiter = createLimiter(profiles);
  const chat = createChatHandler({ plan, ledger, limiter, ...(apiKey === undefined ? {} : { apiKey }) });
  const created = Math.floor(Date.now() / 1000);
  const tell = (wire: Wire, request: IncomingMessage, response: ServerResponse, bodyOf: () => string): void => {
    const isAllowed = apiKey === undefined || wire.keyOf(request.headers) === apiKey;
    if (isAllowed) sendJson(response, 200, bodyOf());
    else sendReply(response, wire.refuse({ status: 401 }));
  };
  const ownRoutes = createOwnRoutes(ledger, (rules) => {
    pickFault = createFaultPicker(rules, profiles);
  });

  return ({ method = '', headers }, path) => {
    for (const wire of WIRES) {
      const purpose = wire.purposeOf(method, path, headers);
      if (purpose === 'models' || purpose === 'key') {
        const bodyOf = (): string =>
          purpose === 'key' ? (wire.keyBody?.() ?? '') : wire.modelsBody(Object.keys(profiles), created);
        return (request, response) => tell(wire, request, response, bodyOf);
      }
      if (purpose === 'chat') {
        return (request, response) => readBody(request, response, (body) => chat(wire, request, response, body));
      }
    }
    return ownRoutes.get(`${method} ${path}`);
  };
}

/** What belongs to none of the APIs. */
function createOwnRoutes(ledger: Ledger, setFaults: (faults: FaultRule[]) => void): ReadonlyMap<string, Route> {
  return new Map<string, Route>([
    ['GET /healthz', (_request, response) => sendJson(response, 200, '{"status":"ok"}')],
    ['GET /ledger', (_request, response) => sendJson(response, 200, JSON.stringify(ledger.totals()))],
    [
      'PUT /faults',
      (request, response) =>
        readBody(request, response, (body) => {
          const faults = readFaults(body);
          if (typeof faults === 'string') return sendJson(response, 400, JSON.stringify({ error: faults }));
          setFaults(faults);
          sendJson(response, 200, JSON.stringify({ status: 'set', rules: faults.length }));
        }),
    ],
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

function readBody(request: IncomingMessage, response: ServerResponse, use: (body: string) => void): void {
  const chunks: Buffer[] = [];
  let bytes = 0;
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes <= MAX_BODY_BYTES) chunks.push(chunk);
  });
  request.on('end', () => {
    if (bytes <= MAX_BODY_BYTES) return use(Buffer.concat(chunks).toString());
    sendJson(
      response,
      413,
      errorBody(`The body is larger than ${MAX_BODY_BYTES} bytes.`, 'invalid_request_error', null),
    );
  });
}

/** A JSON list of rules as `--fail` takes them, in place of those before; or what is wrong with it. */
function readFaults(body: string): FaultRule[] | string {
  try {
    const rules: unknown = JSON.parse(body);
    if (!isListOfTexts(rules)) return 'write a JSON list of texts such as ["*=429:0.5"]';
    return rules.map((rule) => parseFaultRule(rule));
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function isListOfTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((entry) => typeof entry === 'string');
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
