import type { BudgetClaim } from '../domain/budget.ts';
import type { CircuitConfig } from '../domain/config.ts';
import { EXPECT_SOURCE, type Feedback } from '../domain/feedback.ts';
import type { GateClaim, GateReport } from '../domain/gate.ts';
import { callersText } from './gates/callers.ts';
import { gateNames } from './gates/names.ts';
import { descriptionTtlMs } from './keys.ts';
import type { AdmitRequest, SettleRequest } from './ledger.ts';

/** What the ledger's scripts are told, as texts in a fixed order; the scripts take the names for their variables. */

/**
 * What all jobs of a call share, in this order: what all keys begin with, the life of results and of what describes them
 * (ms), and when circuits open (see `CircuitConfig`; times in ms).
 */
export const SHARED_FIELDS = [
  'prefix',
  /** Added to Redis' clock, in ms. */
  'clock_shift',
  'ttl',
  'description_ttl',
  'circuit_failures',
  'circuit_share',
  'circuit_window',
  'circuit_cooldown',
  'circuit_longest',
] as const;

/** What ADMIT is told of each attempt, in this order. */
export const ADMIT_FIELDS = [
  'job',
  'attempt',
  'hold',
  /** JSON: { name, purse, window, limit, soft, alert, passing }[], as in `BudgetClaim`. */
  'budgets',
  /** In ms: when nobody can be working on it any more. */
  'expires_in',
  'batch',
  'cache',
  /** JSON: { circuit, limits, keys: { name, gate, pair, limits }[] }, the limits as they are configured. */
  'gates',
  /** Tokens that are expected. */
  'tokens',
  /** '', 'returning' for a job that has stood in line, 'first' for one that goes first, or 'first returning'. */
  'standing',
  /** How long it would wait for its turn, in ms. */
  'patience',
  /** See `callersText`. */
  'callers',
  /** Until the job's time is over, in ms. */
  'time_left',
  'record',
  'summary',
] as const;

/** What SETTLE is told of each attempt or ending, in this order; '' where there is nothing to tell. */
export const SETTLE_FIELDS = [
  /** 'call' | 'unsent' | 'cached' | 'cancel' | 'none' */
  'kind',
  'job',
  'attempt',
  'cost',
  'record',
  'summary',
  'batch',
  /** '' when the job goes on. */
  'result',
  /** The counter of the batch that the ending moves: 'completed' | 'failed'. */
  'counted',
  /** '1' when this was not the job's first attempt. */
  'fallback',
  /** For 'cancel': how many failed attempts the result tells of. */
  'told',
  /** '1' for an ending that belongs to the dead letters. */
  'dead',
  'model',
  /** Observed, in ms; -1 for a failure. */
  'latency',
  /** What the call tells its gates: see `GateReport`. */
  'verdict',
  'code',
  /** ms */
  'wait',
  'tokens',
  /** JSON: ToldLimits. */
  'limits',
  /** JSON: the score of an expectation, as an entry of the feedback stream. */
  'feedback',
  /** Who is told of the result. */
  'listener',
  /** How long the result is kept, in ms. */
  'keep',
] as const;

export function sharedFields(
  prefix: string,
  { resultTtlMs, circuit, clockShiftMs }: { resultTtlMs: number; circuit: CircuitConfig; clockShiftMs: number },
): string[] {
  const fields: Record<(typeof SHARED_FIELDS)[number], string> = {
    prefix,
    clock_shift: String(clockShiftMs),
    ttl: String(resultTtlMs),
    description_ttl: String(descriptionTtlMs(resultTtlMs)),
    circuit_failures: String(circuit.failures),
    circuit_share: String(circuit.failure_share),
    circuit_window: String(circuit.window),
    circuit_cooldown: String(circuit.cooldown),
    circuit_longest: String(circuit.longest_cooldown),
  };
  return SHARED_FIELDS.map((name) => fields[name]);
}

export function admitFields(request: AdmitRequest): string[] {
  const fields: Record<(typeof ADMIT_FIELDS)[number], string> = {
    job: request.jobId,
    attempt: request.attemptId,
    hold: String(request.holdNanos),
    budgets: JSON.stringify(request.budgets.map(writeClaim)),
    expires_in: String(Math.ceil(request.expiresInMs)),
    batch: request.batchId ?? '',
    cache: request.cacheKey ?? '',
    gates: gatesText(request.gates),
    tokens: wholeNumber(request.gates.tokens) || '0',
    standing: standingOf(request.gates),
    patience: wholeNumber(request.gates.patienceMs),
    callers: callersText(request.gates.callers),
    time_left: wholeNumber(request.gates.timeLeftMs),
    record: JSON.stringify(request.writeOff.record),
    summary: JSON.stringify(request.writeOff.summary),
  };
  return ADMIT_FIELDS.map((name) => fields[name]);
}

function standingOf({ goesFirst, isReturning }: GateClaim): string {
  return [...(goesFirst ? ['first'] : []), ...(isReturning ? ['returning'] : [])].join(' ');
}

function writeClaim({ name, purse, window, limitNanos, isSoft, alertAt, isPassing }: BudgetClaim): object {
  return { name, purse, window, limit: limitNanos, soft: isSoft, alert: alertAt, passing: isPassing };
}

/** By list of keys and model: those of a provider with one key are the same for every job. */
const known = new WeakMap<GateClaim['keys'], Map<string, { limits: GateClaim['modelLimits']; text: string }>>();

function gatesText(claim: GateClaim): string {
  const { keys, model, modelLimits: limits } = claim;
  const ofKeys = known.get(keys) ?? new Map<string, { limits: typeof limits; text: string }>();
  known.set(keys, ofKeys);
  const last = ofKeys.get(model);
  if (last?.limits === limits) return last.text;
  const text = writeGates(claim);
  ofKeys.set(model, { limits, text });
  return text;
}

/** Picked field by field: whoever asks may have the keys themselves at hand, and they must not get into Redis. */
function writeGates({ provider, model, keys, modelLimits }: GateClaim): string {
  const named = keys.map(({ name, gate, limits }) => ({ name, limits, ...gateNames(provider, gate, model) }));
  return JSON.stringify({
    circuit: gateNames(provider, '', model).circuit,
    limits: modelLimits,
    keys: named.map(({ name, key, pair, limits }) => ({ name, gate: key, pair, limits })),
  });
}

export function settleFields(request: SettleRequest): string[] {
  const { jobId, batchId, reply, call, unsent, cached, result } = request;
  const record = call?.record ?? cached;
  const fields: Record<(typeof SETTLE_FIELDS)[number], string> = {
    kind: kindOf(request),
    job: jobId,
    attempt: call?.attemptId ?? unsent ?? '',
    cost: String(record?.cost_nanos ?? 0),
    record: record ? JSON.stringify(record) : '',
    // Only a job that goes on has a trail; the others carry their attempts in the result.
    summary: call && !result ? JSON.stringify(call.summary) : '',
    batch: batchId ?? '',
    result: result ? JSON.stringify(result) : '',
    counted: result?.status ?? '',
    fallback: call?.isFallback ? '1' : '',
    told: String(result?.attempts.length ?? 0),
    dead: result?.status === 'failed' && result.error.code !== 'CANCELLED' ? '1' : '',
    model: call?.record.model ?? '',
    latency: call?.observed ? String(call.observed.latencyMs ?? -1) : '',
    verdict: call?.gate.verdict ?? '',
    code: call?.gate.code ?? '',
    wait: wholeNumber(call?.gate.waitMs),
    tokens: wholeNumber(call?.gate.tokens),
    limits: limitsText(call?.gate.limits),
    feedback: call ? feedbackText(result) : '',
    listener: reply?.to ?? '',
    keep: wholeNumber(isHandedOver(result) ? reply?.keep_ms : undefined),
  };
  return SETTLE_FIELDS.map((name) => fields[name]);
}

/** A failure is kept as any other: it may be brought back. */
function isHandedOver(result: SettleRequest['result']): boolean {
  return result?.status === 'completed' || result?.error.code === 'CANCELLED';
}

function kindOf({ call, unsent, cached, unlessCalling }: SettleRequest): string {
  if (call) return 'call';
  if (unsent !== undefined) return 'unsent';
  if (cached) return 'cached';
  return unlessCalling ? 'cancel' : 'none';
}

/** Headers may say anything. A limit that is not made of numbers is none. */
function limitsText(limits: GateReport['limits']): string {
  if (limits === undefined) return '';
  const sound = Object.entries(limits).filter(([, told]) => Object.values(told).every(Number.isFinite));
  return sound.length === 0 ? '' : JSON.stringify(Object.fromEntries(sound));
}

/** What the answer to a job that expects something is worth. One from the cache was scored with the job that it is from. */
function feedbackText(result: SettleRequest['result']): string {
  if (result?.status !== 'completed' || result.score === undefined) return '';
  const { job_id, model, task, score, variant, user } = result;
  const feedback: Omit<Feedback, 'at'> = { job_id, model, task, score, source: EXPECT_SOURCE };
  return JSON.stringify({ ...feedback, variant, user });
}

/** '' for what is not known, or is no number. */
function wholeNumber(value: number | undefined): string {
  return value === undefined || !Number.isFinite(value) ? '' : String(Math.max(0, Math.ceil(value)));
}
