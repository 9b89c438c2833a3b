import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Ledger, Settle, Settlement } from './ledger.ts';
import type { Plan, Planner } from './model.ts';
import {
  CHARACTERS_PER_PIECE,
  ChatRequest,
  type Completion,
  completionBody,
  countTokens,
  errorBody,
  statusErrorBody,
  streamEvents,
} from './openai.ts';
import { sendJson, sendText } from './reply.ts';

/** In the ledger, the model of requests that name none that exists. */
const UNKNOWN_MODEL = 'unknown';

export type ChatOptions = {
  plan: Planner;
  ledger: Ledger;
  /** When set, requests must carry it as bearer token. */
  apiKey?: string;
};

/** Serves one chat completion whose body has been read. */
export type ChatHandler = (request: IncomingMessage, response: ServerResponse, body: string) => void;

type Exchange = {
  request: ChatRequest;
  response: ServerResponse;
  plan: Plan;
  settle: Settle;
  /** Runs the step later; never, when the client is gone by then. */
  after: (delayMs: number, step: () => void) => void;
};

const GARBAGE = '<!doctype html><html><head><title>Bad gateway</title></head><body><h1>Bad gateway</h1></body></html>';

export function createChatHandler({ plan: planAnswer, ledger, apiKey }: ChatOptions): ChatHandler {
  let served = 0;
  return (incoming, response, body) => {
    const requestId = requestIdOf(incoming);
    const refuse = (status: number, errorText: string): void => {
      ledger.accept(requestId, UNKNOWN_MODEL)({ status });
      sendJson(response, status, errorText);
    };
    if (requestId !== null) response.setHeader('x-request-id', requestId);
    if (apiKey !== undefined && incoming.headers.authorization !== `Bearer ${apiKey}`) {
      return refuse(401, statusErrorBody(401, ''));
    }
    const parsed = parseRequest(body);
    if (typeof parsed === 'string') return refuse(400, errorBody(parsed, 'invalid_request_error', null));
    const plan = planAnswer(parsed);
    if (plan === undefined) return refuse(404, statusErrorBody(404, parsed.model));

    const settle = ledger.accept(requestId, parsed.model);
    served += 1;
    const id = `chatcmpl-sim${served.toString().padStart(9, '0')}`;
    answer({ request: parsed, response, plan, settle, after: createTimer(response, settle) }, id);
  };
}

function requestIdOf(incoming: IncomingMessage): string | null {
  const header = incoming.headers['x-request-id'];
  return typeof header === 'string' ? header : null;
}

/** The request, or what is wrong with it. */
function parseRequest(body: string): ChatRequest | string {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return 'We could not parse the JSON body of your request.';
  }
  const result = ChatRequest.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  return `${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'invalid'}`;
}

function createTimer(response: ServerResponse, settle: Settle): Exchange['after'] {
  let timer: NodeJS.Timeout | undefined;
  response.on('close', () => {
    clearTimeout(timer);
    // Says nothing when the call was settled before: the first settlement counts.
    settle({ status: 'aborted' });
  });
  return (delayMs, step) => {
    if (delayMs <= 0) step();
    else timer = setTimeout(step, delayMs);
  };
}

function answer(exchange: Exchange, id: string): void {
  const { response, plan, settle, after } = exchange;
  const { fault } = plan;
  if (fault?.kind === 'timeout') return;
  if (fault?.kind === 'reset') {
    settle({ status: 'reset' });
    response.socket?.destroy();
    return;
  }
  if (typeof fault?.kind === 'number') {
    settle({ status: fault.kind });
    if (fault.retryAfterSeconds !== undefined) response.setHeader('retry-after', String(fault.retryAfterSeconds));
    sendJson(response, fault.kind, statusErrorBody(fault.kind, exchange.request.model));
    return;
  }
  after(plan.latencyMs, () => deliver(exchange, id));
}

function deliver(exchange: Exchange, id: string): void {
  const { request, response, plan, settle } = exchange;
  const { text, finishReason, inputTokens, outputTokens } = plan;
  const created = Math.floor(Date.now() / 1000);
  const completion: Completion = { id, created, model: request.model, text, finishReason, inputTokens, outputTokens };
  if (plan.fault?.kind === 'garbage') {
    settle({ status: 200 });
    sendText(response, 200, 'text/html', GARBAGE);
  } else if (request.stream === true) {
    stream(exchange, completion);
  } else if (plan.fault?.kind === 'truncated') {
    settle({ status: 200 });
    const body = completionBody(completion);
    sendJson(response, 200, body.slice(0, Math.floor(body.length / 2)));
  } else {
    // Settled before the bytes leave: whoever has the answer finds it in the ledger.
    settle(billOf(plan));
    sendJson(response, 200, completionBody(completion));
  }
}

function stream({ request, response, plan, settle, after }: Exchange, completion: Completion): void {
  const isTruncated = plan.fault?.kind === 'truncated';
  const all = streamEvents(completion, request.stream_options?.include_usage === true);
  const events = isTruncated ? all.slice(0, Math.ceil(all.length / 2)) : all;
  const pieceMs = plan.profile.ms_per_output_token * countTokens(CHARACTERS_PER_PIECE);
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });

  const finish = (lastEvents: string): void => {
    settle(isTruncated ? { status: 200 } : billOf(plan));
    if (isTruncated) response.write(lastEvents, () => response.destroy());
    else response.end(lastEvents);
  };
  if (pieceMs === 0) return finish(events.join(''));

  const sendFrom = (index: number): void => {
    const event = events[index] ?? '';
    if (index >= events.length - 1) return finish(event);
    response.write(event);
    after(pieceMs, () => sendFrom(index + 1));
  };
  sendFrom(0);
}

function billOf({ inputTokens, outputTokens, profile }: Plan): Settlement {
  return { status: 200, billed: { inputTokens, outputTokens, price: profile.price } };
}
