import type { GateStatus } from '../store/gates/read.ts';
import { createSeries } from './prometheus.ts';

export type GateReadings = {
  gates: readonly GateStatus[];
  /** By limit: how often it has had a call wait. */
  refusals: ReadonlyMap<string, number>;
};

/**
 * How the gates stand now: what is stopped and why, what is under way, and which limits are enforced. Of callers there may
 * be any number: only their limits have names here.
 */
export function renderGates({ gates, refusals }: GateReadings): string[] {
  const stopped = createSeries('gauge', {
    name: 'sluice_gate_stopped',
    help: '1 for a gate that lets no calls pass (state "stopped") or one at a time (state "trying"), by reason.',
  });
  const calls = createSeries('gauge', { name: 'sluice_calls_in_flight', help: 'Calls under way, by key and model.' });
  const limits = createSeries('gauge', {
    name: 'sluice_gate_limit',
    help: 'Limits as they are enforced, configured or learnt: calls at a time, requests and tokens a minute.',
  });
  for (const gate of gates) {
    const { provider, key = '', model = '', state, reason } = gate;
    const labels = { provider, key, model };
    if (state !== 'passing') stopped.add({ ...labels, state, reason: reason ?? '' }, 1);
    if (key !== '' && model !== '') calls.add(labels, gate.inflight);
    for (const [limit, amount] of Object.entries(limitsOf(gate))) {
      if (amount !== undefined) limits.add({ ...labels, limit }, amount);
    }
  }
  const refused = createSeries('counter', {
    name: 'sluice_limit_refusals_total',
    help: 'How often calls had to wait for a limit of users, accounts, tasks or lanes, by limit.',
  });
  for (const [limit, count] of refusals) refused.add({ limit }, count);
  return [stopped.render(), calls.render(), limits.render(), refused.render()];
}

function limitsOf(gate: GateStatus): Record<string, number | undefined> {
  return {
    concurrency: gate.concurrencyLimit,
    requests_per_minute: gate.requestsPerMinute,
    tokens_per_minute: gate.tokensPerMinute,
  };
}
