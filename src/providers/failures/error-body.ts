import { parseMoment, parseSpan } from '../limits/wire-time.ts';
import { fieldOf, isList, textOf } from './fields.ts';

/** What the body of a refusal says, from all the places where providers put it. Nothing of it is fit to be shown as it is. */
export type ErrorBody = {
  /** What the provider calls its error (`insufficient_quota`), the most telling place first. */
  labels: string[];
  /** Those labels that tell more than the HTTP status: OpenRouter's `error_type` and `availability.code`. */
  typed: string[];
  /** What it says in words, cut. */
  sentence: string;
  /** Which field of the request it is about. */
  param: string | undefined;
  /** The HTTP status that the body names, 400 to 599. */
  status: number | undefined;
  /** Something was there, but no JSON: what answered is a proxy, a CDN or another server. */
  isPage: boolean;
  /** OpenRouter's `availability.retryable`. */
  isRetryable: boolean | undefined;
  /** How long it asks to wait, in fields (not in words). */
  retryAfterMs: number | undefined;
  /** A limit by the day, or of 0 (Google). */
  isDaily: boolean;
  /** When money or quota is back, in epoch milliseconds. */
  restoredAt: number | undefined;
  /** Headers that the body repeats (OpenRouter's own limits), in lower case. */
  headers: Readonly<Record<string, string>> | undefined;
};

/** Bodies may be as large as `max_response_bytes`. What they say stands at their beginning. */
const LOOKED_AT_CHARS = 65_536;
const SENTENCE_CHARS = 4_000;
const HEAD_CHARS = 1_000;
const LABEL_CHARS = 200;
const MOST_LABELS = 24;
const MOST_ITEMS = 8;
const MOST_OBJECTS = 64;
const DEEPEST = 6;

/** Where the error is inside of what was sent. */
const WRAPPERS = ['error', 'errors', 'detail', 'response'];
/** What stands in an error beside its own words. */
const COMPANIONS = ['innererror', 'availability', 'metadata', 'details', 'headers', 'violations'];
const LABELS = ['code', 'type', 'status', 'reason', 'error_code', 'limit_source', '__type'];
const SENTENCES = ['message', 'Message', 'msg', 'error_description'];
/** Words that name no error. */
const SAYS_NOTHING = /^(?:error|failure|failed|none|null|unknown|)$/i;

type Draft = ErrorBody & { objectsLeft: number };

/** The body as it was sent. Takes a bounded time, whatever it is. */
export function parseErrorBody(text: string): ErrorBody {
  const head = text.slice(0, LOOKED_AT_CHARS);
  const parsed = parseJson(head);
  if (parsed !== undefined) return toErrorBody(parsed);
  const body = emptyDraft();
  const isCutOff = /^\s*[[{]/.test(head);
  body.isPage = !isCutOff && head.trim() !== '';
  if (isCutOff) body.labels = labelsInText(head);
  // The words of a page are those of a web server, not about this request.
  if (!/^\s*</.test(head)) addSentence(head, body);
  return body;
}

/** An error that has been parsed already: the body, or the error inside of it. */
export function toErrorBody(error: unknown): ErrorBody {
  const draft = emptyDraft();
  visit(error, draft, 0);
  return draft;
}

function emptyDraft(): Draft {
  return {
    labels: [],
    typed: [],
    sentence: '',
    param: undefined,
    status: undefined,
    isPage: false,
    isRetryable: undefined,
    retryAfterMs: undefined,
    isDaily: false,
    restoredAt: undefined,
    headers: undefined,
    objectsLeft: MOST_OBJECTS,
  };
}

function visit(value: unknown, draft: Draft, depth: number): void {
  if (depth > DEEPEST || draft.objectsLeft <= 0) return;
  if (typeof value === 'string') return visitText(value, draft, depth);
  if (typeof value !== 'object' || value === null) return;
  draft.objectsLeft -= 1;
  if (isList(value)) {
    for (let index = 0; index < MOST_ITEMS; index += 1) visit(fieldOf(value, String(index)), draft, depth + 1);
    return;
  }
  for (const name of WRAPPERS) visit(fieldOf(value, name), draft, depth + 1);
  for (const name of SENTENCES) visit(fieldOf(value, name), draft, depth + 1);
  // OpenRouter repeats the body of the provider behind it, whose keys and quota are not ours: its words alone count.
  addSentence(textOf(value, 'raw') ?? '', draft);
  readLabels(value, draft);
  readHints(value, draft);
  for (const name of COMPANIONS) visit(fieldOf(value, name), draft, depth + 1);
}

/** Gateways put the body of the provider behind them into their own message, as text. */
function visitText(text: string, draft: Draft, depth: number): void {
  const inner = /^\s*[[{]/.test(text) ? parseJson(text.slice(0, LOOKED_AT_CHARS)) : undefined;
  if (inner === undefined) addSentence(text, draft);
  else visit(inner, draft, depth + 1);
}

function addSentence(text: string, draft: ErrorBody): void {
  if (text !== '')
    draft.sentence = `${draft.sentence} ${text.slice(0, SENTENCE_CHARS)}`.trimStart().slice(0, SENTENCE_CHARS);
}

function readLabels(error: object, draft: ErrorBody): void {
  const isAvailability = fieldOf(error, 'retryable') !== undefined;
  const typed = textOf(error, 'error_type') ?? (isAvailability ? textOf(error, 'code') : undefined);
  if (typed !== undefined) draft.typed.push(typed.slice(0, LABEL_CHARS));
  for (const label of [typed, ...LABELS.map((name) => fieldOf(error, name))]) {
    const status = typeof label === 'number' || (typeof label === 'string' && /^\d+$/.test(label)) ? Number(label) : 0;
    if (status >= 400 && status <= 599 && Number.isInteger(status)) draft.status ??= status;
    if (typeof label === 'string' && draft.labels.length < MOST_LABELS && !SAYS_NOTHING.test(label)) {
      // AWS: `com.amazon.coral.service#ThrottlingException`.
      draft.labels.push(label.slice(0, LABEL_CHARS).replace(/^.*#/, ''));
    }
  }
  // OpenRouter has no code for a prompt that its moderation or a guardrail held back; its status is that of a bad key.
  const isHeldBack = fieldOf(error, 'flagged_input') !== undefined || isList(fieldOf(error, 'patterns'));
  if (isHeldBack) draft.labels.push('moderation');
  draft.param ??= textOf(error, 'param');
}

function readHints(error: object, draft: ErrorBody): void {
  const retryable = fieldOf(error, 'retryable');
  if (typeof retryable === 'boolean') draft.isRetryable ??= retryable;
  const seconds = fieldOf(error, 'retry_after') ?? fieldOf(error, 'estimated_time');
  const delayMs = parseSpan(textOf(error, 'retryDelay') ?? '');
  draft.retryAfterMs ??= typeof seconds === 'number' && seconds >= 0 ? seconds * 1_000 : delayMs;
  draft.restoredAt ??= parseMoment(textOf(error, 'resets_at') ?? '');
  if (textOf(error, 'X-RateLimit-Reset') !== undefined) draft.headers ??= headersIn(error);
  // A model that the key may not use at all has a limit of 0, which only the sentence tells.
  const quota = textOf(error, 'quotaId') ?? textOf(error, 'quota_limit') ?? '';
  if (quota !== '' && (/per_?day/i.test(quota) || /\blimit: 0\b/.test(draft.sentence))) draft.isDaily = true;
}

function headersIn(error: object): ErrorBody['headers'] {
  const names = ['X-RateLimit-Limit', 'X-RateLimit-Remaining', 'X-RateLimit-Reset'];
  return Object.fromEntries(names.map((name) => [name.toLowerCase(), textOf(error, name) ?? '']));
}

function labelsInText(text: string): string[] {
  // Further on may stand what the server was sent.
  const found = text
    .slice(0, HEAD_CHARS)
    .matchAll(/"(?:code|type|status|reason|error_type)"\s{0,8}:\s{0,8}"([^"\\]{1,64})"/g);
  return [...found].slice(0, MOST_LABELS).flatMap(([, label = '']) => (SAYS_NOTHING.test(label) ? [] : [label]));
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
