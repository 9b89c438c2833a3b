import { createParser } from 'eventsource-parser';
import type { Judge, Place, Verdict } from './judge.ts';

export type Check = {
  /** `POST /chat/completions: a text` */
  name: string;
} & Verdict;

export type Asked = {
  method: 'GET' | 'POST' | 'DELETE';
  /** As the document writes it: `/files/{file_id}`. */
  path: string;
  /** What stands in the braces of the path. */
  parameters?: Record<string, string>;
  /** Sent as JSON, except texts and forms. */
  body?: unknown;
  headers?: Record<string, string>;
};

export type Inspector = {
  /** Of the API, with its version. */
  baseUrl: string;
  /** Asks for a JSON answer, has it checked, and returns it. */
  answer: (what: string, asked: Asked) => Promise<Record<string, unknown>>;
  /** Asks for a stream, has every event checked, and returns them. */
  stream: (what: string, asked: Asked) => Promise<Record<string, unknown>[]>;
  /** Asks for what is to be refused with this status. */
  refusal: (what: string, status: number, asked: Asked) => Promise<void>;
  /** Has a value checked that came in some other way. */
  value: (name: string, place: Place | undefined, value: unknown) => void;
};

export function createInspector(baseUrl: string, judge: Judge, report: (check: Check) => void): Inspector {
  async function send({ method, path, parameters = {}, body, headers = {} }: Asked): Promise<Response> {
    const url = path.replace(/\{(\w+)\}/g, (_, name: string) => parameters[name] ?? '');
    const isRaw = typeof body === 'string' || body instanceof FormData;
    return fetch(baseUrl + url, {
      method,
      headers: { ...(body !== undefined && !(body instanceof FormData) && JSON_TYPE), ...headers },
      ...(body !== undefined && { body: isRaw ? body : JSON.stringify(body) }),
    });
  }

  function judgeBy(place: Place | undefined, value: unknown): Verdict {
    return place === undefined ? wrong('the document has no schema for this answer') : judge.judge(place, value);
  }

  return {
    baseUrl,
    async answer(what, asked) {
      const response = await send(asked);
      const value = await readJson(response);
      const place = judge.placeOf(asked.method, asked.path, 200, 'application/json');
      report({ name: nameOf(asked, what), ...(wrongStatus(response, 200, value) ?? judgeBy(place, value)) });
      return value as Record<string, unknown>;
    },
    async stream(what, asked) {
      const response = await send(asked);
      const text = await response.text();
      const place = judge.placeOf(asked.method, asked.path, 200, 'text/event-stream');
      const { events, problems } = readEvents(text);
      const nulls: string[] = [];
      for (const event of events) {
        const verdict = judgeBy(place, event);
        const kind = typeof event['type'] === 'string' ? event['type'] : 'chunk';
        problems.push(...verdict.problems.map((problem) => `${kind}: ${problem}`));
        nulls.push(...verdict.nulls.map((pointer) => `${kind}: ${pointer}`));
      }
      if (events.length === 0) problems.push('no events');
      const verdict = { problems: [...new Set(problems)], nulls: [...new Set(nulls)] };
      report({ name: nameOf(asked, what), ...(wrongStatus(response, 200, text) ?? verdict) });
      return events;
    },
    async refusal(what, status, asked) {
      const response = await send(asked);
      const value = await readJson(response);
      const place = judge.placeOfSchema('ErrorResponse');
      const verdict = wrongStatus(response, status, value) ?? judgeBy(place, value);
      report({ name: nameOf(asked, `${what} is a ${status}`), ...verdict });
    },
    value(name, place, value) {
      report({ name, ...judgeBy(place, value) });
    },
  };
}

const JSON_TYPE = { 'content-type': 'application/json' };

function nameOf({ method, path }: Asked, what: string): string {
  return `${method} ${path}: ${what}`;
}

async function readJson(response: Response): Promise<unknown> {
  const text = await response.text();
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function wrong(problem: string): Verdict {
  return { problems: [problem], nulls: [] };
}

function wrongStatus({ status }: Response, expected: number, body: unknown): Verdict | undefined {
  if (status === expected) return undefined;
  return wrong(`status ${status}, expected ${expected}: ${JSON.stringify(body).slice(0, 200)}`);
}

/** Events whose data is JSON; where an event has a name, its data has that `type`. */
function readEvents(text: string): { events: Record<string, unknown>[]; problems: string[] } {
  const events: Record<string, unknown>[] = [];
  const problems: string[] = [];
  const parser = createParser({
    onEvent({ event, data }) {
      if (data === '[DONE]') return;
      const value = JSON.parse(data) as Record<string, unknown>;
      if (event !== undefined && event !== value['type']) problems.push(`event "${event}" has another type`);
      events.push(value);
    },
    onError: ({ message }) => void problems.push(message),
  });
  parser.feed(text);
  return { events, problems };
}
