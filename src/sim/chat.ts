import type { IncomingMessage, ServerResponse } from 'node:http';
import { costNanosOf, type Ledger, type Settle, type Settlement } from './ledger.ts';
import type { Limiter } from './limits.ts';
import type { Plan, Planner } from './model.ts';
import { sendJson, sendReply, sendText } from './reply.ts';
import {
  CHARACTERS_PER_PIECE,
  type ChatRequest,
  type Completion,
  type Refusal,
  type StreamEvent,
  type Wire,
  countTokens,
} from './wire.ts';

/** In the ledger, the model of requests that name none that exists. */
const UNKNOWN_MODEL = 'unknown';

export type ChatOptions = {
  plan: Planner;
  ledger: Ledger;
  limiter: Limiter;
  /** When set, requests must carry it. */
  apiKey?: string;
};

/** Serves one request for a completion, over any of the APIs, whose body has been read. */
export type ChatHandler = (wire: Wire, request: IncomingMessage, response: ServerResponse, body: string) => void;

type Exchange = {
  wire: Wire;
  request: ChatRequest;
  response: ServerResponse;
  plan: Plan;
  settle: Settle;
  /** Of a stream: characters that the model had written of what has been sent; undefined before it begins. */
  sentCharacters: number | undefined;
  /** Runs the step later; never, when the client is gone by then. */
  after: (delayMs: number, step: () => void) => void;
};

/** What an error that arrives with a 200 would have been: the provider behind a gateway failed. */
const INNER_STATUS = 502;
const EVENT_STREAM = { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' };
const DEFAULT_DRIP_DELAY_MS = 150;
const GARBAGE = '<!doctype html><html><head><title>Bad gateway</title></head><body><h1>Bad gateway</h1></body></html>';

export function createChatHandler({ plan: planAnswer, ledger, limiter, apiKey }: ChatOptions): ChatHandler {
  let served = 0;
  return (wire, incoming, response, body) => {
    const requestId = requestIdOf(incoming);
    const refuse = (refusal: Refusal): void => {
      const reply = wire.refuse(refusal);
      ledger.accept(requestId, UNKNOWN_MODEL)({ status: reply.status });
      sendReply(response, reply);
    };
    for (const [name, value] of Object.entries(wire.headers?.() ?? {})) response.setHeader(name, value);
    if (requestId !== null) response.setHeader('x-request-id', requestId);
    if (apiKey !== undefined && wire.keyOf(incoming.headers) !== apiKey) return refuse({ status: 401 });
    const parsed = parseRequest(wire, incoming.url ?? '', body);
    if (typeof parsed === 'string') return refuse({ status: 400, message: parsed });
    const plan = planAnswer(parsed);
    if (plan === undefined) return refuse({ status: 404, model: parsed.model });

    const settle = ledger.accept(requestId, parsed.model);
    const tokens = plan.inputTokens + (parsed.max_completion_tokens ?? parsed.max_tokens ?? plan.outputTokens);
    const entry = limiter.enter(parsed.model, wire.keyOf(incoming.headers) ?? '', tokens, Date.now());
    for (const [name, value] of Object.entries(entry.headers)) response.setHeader(name, value);
    if (entry.retryAfterSeconds !== undefined) {
      const reply = wire.refuse({ status: 429, model: parsed.model, retryAfterSeconds: entry.retryAfterSeconds });
      settle({ status: reply.status });
      return sendReply(response, reply);
    }
    response.on('close', entry.leave);
    served += 1;
    const id = `sim${served.toString().padStart(9, '0')}`;
    const exchange = { wire, request: parsed, response, plan, settle, sentCharacters: undefined };
    answer(withTimer(exchange), id);
  };
}

function requestIdOf(incoming: IncomingMessage): string | null {
  const header = incoming.headers['x-request-id'];
  return typeof header === 'string' ? header : null;
}

/** The request, or what is wrong with it. */
function parseRequest(wire: Wire, url: string, body: string): ChatRequest | string {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return 'We could not parse the JSON body of your request.';
  }
  return wire.read(value, url.split('?', 1)[0] ?? '');
}

function withTimer(begun: Omit<Exchange, 'after'>): Exchange {
  let timer: NodeJS.Timeout | undefined;
  const exchange: Exchange = {
    ...begun,
    after(delayMs, step) {
      if (delayMs <= 0) step();
      else timer = setTimeout(step, delayMs);
    },
  };
  exchange.response.on('close', () => {
    clearTimeout(timer);
    // Says nothing when the call was settled before: the first settlement counts.
    exchange.settle({ status: 'aborted', ...billOfPart(exchange) });
  });
  return exchange;
}

/** Whoever breaks a stream off pays for the prompt, and for what had been sent by then. */
function billOfPart({ sentCharacters, plan }: Exchange): Pick<Settlement, 'billed'> {
  if (sentCharacters === undefined) return {};
  const { inputTokens, profile } = plan;
  return { billed: { inputTokens, outputTokens: countTokens(sentCharacters), price: profile.price } };
}

function answer(exchange: Exchange, id: string): void {
  const { wire, request, response, plan, settle, after } = exchange;
  const { fault } = plan;
  if (fault?.kind === 'timeout') return;
  if (fault?.kind === 'reset') {
    settle({ status: 'reset' });
    response.socket?.destroy();
    return;
  }
  if (typeof fault?.kind === 'number') {
    const { kind: status, retryAfterSeconds } = fault;
    const wait = retryAfterSeconds === undefined ? {} : { retryAfterSeconds };
    const reply = wire.refuse({ status, model: request.model, ...wait });
    settle({ status: reply.status });
    return sendReply(response, reply);
  }
  after(plan.latencyMs, () => deliver(exchange, id));
}

function deliver(exchange: Exchange, id: string): void {
  const { wire, request, response, plan, settle } = exchange;
  const { text, reasoning, toolCall, vectors, finishReason, inputTokens, outputTokens, profile } = plan;
  const completion: Completion = {
    id,
    created: Math.floor(Date.now() / 1000),
    model: request.model,
    text,
    reasoning,
    ...(toolCall === undefined ? {} : { toolCall }),
    ...(vectors === undefined ? {} : { embeddings: { vectors, asBase64: request.embed?.asBase64 === true } }),
    finishReason,
    inputTokens,
    outputTokens,
    costNanos: costNanosOf(profile.price, inputTokens, outputTokens),
  };
  if (plan.fault?.kind === 'garbage') {
    settle({ status: 200 });
    sendText(response, 200, 'text/html', GARBAGE);
  } else if (plan.fault?.kind === 'drip' || plan.fault?.kind === 'stall') {
    trickle(exchange, completion);
  } else if (request.stream === true) {
    stream(exchange, completion);
  } else if (plan.fault?.kind === 'truncated') {
    settle({ status: 200 });
    const body = wire.completionBody(completion);
    sendJson(response, 200, body.slice(0, Math.floor(body.length / 2)));
  } else if (plan.fault?.kind === 'error-in-200') {
    settle({ status: 200 });
    sendJson(response, 200, wire.refuse({ status: INNER_STATUS, model: request.model }).body);
  } else {
    // Settled before the bytes leave: whoever has the answer finds it in the ledger.
    settle(billOf(plan));
    sendJson(response, 200, wire.completionBody(completion));
  }
}

/** A right answer, streamed or not, whose bytes come one at a time, or stop coming halfway. */
function trickle({ wire, request, response, plan, settle, after }: Exchange, completion: Completion): void {
  const isStreamed = request.stream === true;
  const body = isStreamed ? textOf(wire.events(completion, request)) : wire.completionBody(completion);
  const bytes = Buffer.from(body);
  const plainHeaders = { 'content-type': 'application/json', 'content-length': bytes.length };
  response.writeHead(200, isStreamed ? EVENT_STREAM : plainHeaders);
  if (plan.fault?.kind === 'stall') {
    response.write(bytes.subarray(0, Math.floor(bytes.length / 2)));
    return;
  }
  const byteMs = Math.max(1, plan.fault?.delayMs ?? DEFAULT_DRIP_DELAY_MS);
  const sendFrom = (index: number): void => {
    const byte = bytes.subarray(index, index + 1);
    if (index < bytes.length - 1) {
      response.write(byte);
      return after(byteMs, () => sendFrom(index + 1));
    }
    settle(billOf(plan));
    response.end(byte);
  };
  sendFrom(0);
}

function stream(exchange: Exchange, completion: Completion): void {
  const { wire, request, response, plan, settle, after } = exchange;
  const isTruncated = plan.fault?.kind === 'truncated';
  const isFailed = plan.fault?.kind === 'error-in-200';
  const all = wire.events(completion, request);
  const events = isTruncated || isFailed ? all.slice(0, Math.ceil(all.length / 2)) : all;
  if (isFailed) events.push({ text: failureEventOf(wire, completion), characters: 0 });
  const pieceMs = plan.profile.ms_per_output_token * countTokens(CHARACTERS_PER_PIECE);
  response.writeHead(200, EVENT_STREAM);

  const finish = (lastEvents: string): void => {
    settle(isTruncated || isFailed ? { status: 200 } : billOf(plan));
    if (isTruncated) response.write(lastEvents, () => response.destroy());
    else response.end(lastEvents);
  };
  if (pieceMs === 0) return finish(textOf(events));

  const sendFrom = (index: number): void => {
    const { text = '', characters = 0 } = events[index] ?? {};
    if (index >= events.length - 1) return finish(text);
    response.write(text);
    exchange.sentCharacters = (exchange.sentCharacters ?? 0) + characters;
    after(pieceMs, () => sendFrom(index + 1));
  };
  sendFrom(0);
}

function textOf(events: readonly StreamEvent[]): string {
  return events.map(({ text }) => text).join('');
}

function failureEventOf(wire: Wire, completion: Completion): string {
  const told = wire.failureEvent?.(completion, INNER_STATUS);
  return told ?? `data: ${wire.refuse({ status: INNER_STATUS, model: completion.model }).body}\n\n`;
}

function billOf({ inputTokens, outputTokens, profile }: Plan): Settlement {
  return { status: 200, billed: { inputTokens, outputTokens, price: profile.price } };
}
