import { drawUnit } from './hash.ts';
import type { SimProfiles } from './profiles.ts';

const NAMED_KINDS = [
  'timeout',
  'slow',
  'drip',
  'stall',
  'reset',
  'empty',
  'garbage',
  'truncated',
  'error-in-200',
  'refusal',
  'chatter',
  'cut-off',
] as const;

/**
 * - a number: this HTTP status with an error body in OpenAI's shape
 * - `timeout`: never answers · `slow`: answers `delayMs` later · `reset`: the socket is destroyed
 * - `drip`: the right answer, one byte every `delayMs` · `stall`: half of it, and then the connection stays open
 * - `empty`: 200 with empty content · `garbage`: 200 with HTML · `truncated`: the answer is cut off
 * - `error-in-200`: 200, and an error in the body, or in the middle of the stream
 * - whole answers that are of no use: `refusal` declines politely · `chatter` puts a sentence around what was asked for, so
 *   that it is no JSON · `cut-off` stops halfway as at a limit of tokens
 */
export type FaultKind = number | (typeof NAMED_KINDS)[number];

/** A way to fail. The rates of the rules that fit a model add up: of 100 requests, each rule takes its own share. */
export type FaultRule = {
  /** Model id, or a glob such as `*` or `sim/small-*`; a star stands for any characters. */
  model: string;
  kind: FaultKind;
  /** 0..1 */
  rate: number;
  /** The rule looks at this many requests and then rests. */
  first?: number;
  /** Retry-After of a status, in seconds. */
  retryAfterSeconds?: number;
  /** Extra wait of `slow`, 5000 unless told; of each byte of `drip`, 150 unless told. */
  delayMs?: number;
};

const FORMS =
  `MODEL=KIND[:RATE][,first=N][,retry_after=SECONDS][,delay_ms=MS], where MODEL is an id or a glob, ` +
  `KIND an HTTP status 400..599 or ${NAMED_KINDS.join(', ')}, RATE 0..1`;

/** Reads `sim/small-1=503:0.2` or `*=429:0.05,retry_after=1`. Throws an Error of one line that names the allowed forms. */
export function parseFaultRule(text: string): FaultRule {
  const fail = (reason: string): never => {
    throw new Error(`fault "${text}": ${reason}; write ${FORMS}`);
  };
  const equals = text.indexOf('=');
  if (equals < 1) return fail('no model');
  const [action = '', ...settings] = text.slice(equals + 1).split(',');
  const [kindText = '', rateText = '1', ...rest] = action.split(':');
  const kind = parseKind(kindText) ?? fail(`unknown kind "${kindText}"`);
  const rate = parseNumber(rateText);
  if (rest.length > 0 || rate === undefined || rate > 1) return fail(`rate "${action.slice(kindText.length + 1)}"`);
  const rule: FaultRule = { model: text.slice(0, equals), kind, rate };
  for (const setting of settings) {
    const [name = '', valueText = ''] = setting.split('=', 2);
    const value = parseNumber(valueText);
    if (value === undefined) return fail(`setting "${setting}"`);
    if (name === 'first' && Number.isInteger(value)) rule.first = value;
    else if (name === 'retry_after' && typeof kind === 'number') rule.retryAfterSeconds = value;
    else if (name === 'delay_ms' && (kind === 'slow' || kind === 'drip')) rule.delayMs = value;
    else return fail(`setting "${setting}"`);
  }
  return rule;
}

function parseKind(text: string): FaultKind | undefined {
  if (/^[45]\d\d$/.test(text)) return Number(text);
  return NAMED_KINDS.find((kind) => kind === text);
}

function parseNumber(text: string): number | undefined {
  return /^\d+(\.\d+)?$/.test(text) ? Number(text) : undefined;
}

function matchesGlob(glob: string, model: string): boolean {
  const literals = glob.split('*').map((literal) => literal.replace(/[\\^$.+?()[\]{}|]/g, '\\$&'));
  return new RegExp(`^${literals.join('.*')}$`).test(model);
}

export type FaultPicker = (model: string, hash: number) => FaultRule | undefined;

/** Picks the fault, if any, of a request. `hash` stands for the request; rules with `first` also count requests. */
export function createFaultPicker(faults: readonly FaultRule[], profiles: SimProfiles): FaultPicker {
  const rulesByModel = new Map<string, { rule: FaultRule; left: number }[]>();
  const counted = faults.map((rule) => ({ rule, left: rule.first ?? Infinity }));
  for (const [model, profile] of Object.entries(profiles)) {
    const own = profile.errors.map((error): FaultRule => {
      const wait = error.retry_after_s === undefined ? {} : { retryAfterSeconds: error.retry_after_s };
      return { model, kind: error.status, rate: error.rate, ...wait };
    });
    const fitting = counted.filter(({ rule }) => matchesGlob(rule.model, model));
    rulesByModel.set(model, [...fitting, ...own.map((rule) => ({ rule, left: Infinity }))]);
  }

  return (model, hash) => {
    const rules = rulesByModel.get(model);
    if (rules === undefined || rules.length === 0) return undefined;
    const drawn = drawUnit(hash, 'fault');
    let reached = 0;
    let picked: FaultRule | undefined;
    for (const entry of rules) {
      if (entry.left <= 0) continue;
      entry.left -= 1;
      reached += entry.rule.rate;
      if (drawn < reached) picked ??= entry.rule;
    }
    return picked;
  };
}
