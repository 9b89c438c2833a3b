import type { ErrorCode } from '../../domain/errors.ts';
import type { GateReason } from '../../domain/gate.ts';
import { gateNames } from './names.ts';

/** A gate as it is announced to those who choose models. Times are epoch milliseconds. */
export type ClosedGate = { untilMs: number; sinceMs: number; reason: GateReason; code?: ErrorCode };

/** A model with the names of its provider's keys. */
export type GatedModel = { alias: string; provider: string; id: string; keys: readonly string[] };

/** As it lies in Redis: `until:since:reason:code`. */
export function readClosedGate(entry: string): ClosedGate {
  const [untilMs, sinceMs, reason, code] = entry.split(':');
  return {
    untilMs: Number(untilMs),
    sinceMs: Number(sinceMs),
    reason: reason as GateReason,
    ...(code ? { code: code as ErrorCode } : {}),
  };
}

export type GateSummary = {
  closedUntil: Map<string, number>;
  throttledUntil: Map<string, number>;
  closedFor: Map<string, { reason: GateReason; sinceMs: number; code?: ErrorCode }>;
};

/** What closed gates mean for models: a model takes calls when its circuit lets them pass, and one key and its pair. */
export function summariseGates(
  models: readonly GatedModel[],
  gates: ReadonlyMap<string, ClosedGate>,
  now: number,
): GateSummary {
  const summary: GateSummary = { closedUntil: new Map(), throttledUntil: new Map(), closedFor: new Map() };
  const closed = new Map([...gates].filter(([, { untilMs }]) => untilMs > now));
  if (closed.size === 0) return summary;
  for (const model of models) {
    const gate = gateOf(model, closed);
    if (!gate) continue;
    const { untilMs, ...why } = gate;
    (gate.reason === 'throttled' ? summary.throttledUntil : summary.closedUntil).set(model.alias, untilMs);
    summary.closedFor.set(model.alias, why);
  }
  return summary;
}

/** The gate that has to open for the model to take calls. */
function gateOf({ provider, id, keys }: GatedModel, closed: ReadonlyMap<string, ClosedGate>): ClosedGate | undefined {
  const names = keys.map((key) => gateNames(provider, key, id));
  const circuit = closed.get(gateNames(provider, '', id).circuit);
  const accepted = names.filter(({ key }) => !closed.has(key));
  const ofKeys =
    accepted.length > 0 ? accepted.map(({ pair }) => closed.get(pair)) : names.map(({ key }) => closed.get(key));
  const soonest = firstToOpen(ofKeys);
  if (!circuit || !soonest) return circuit ?? soonest;
  // The model waits for both. That it fails is told before that it is throttled.
  return soonest.reason === 'throttled' || circuit.untilMs >= soonest.untilMs ? circuit : soonest;
}

/** None when one of them is open. */
function firstToOpen(gates: readonly (ClosedGate | undefined)[]): ClosedGate | undefined {
  const closed = gates.filter((gate) => gate !== undefined);
  if (closed.length < gates.length) return undefined;
  return closed.toSorted((a, b) => a.untilMs - b.untilMs)[0];
}
