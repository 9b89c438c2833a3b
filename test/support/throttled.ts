import { readGates, type GateStatus } from '../../src/store/gates/read.ts';
import type { Stores } from './harness.ts';
import { admitRequest, failedAttempt, gateReport } from './ledger-steps.ts';

/** What a call of another process does that is answered 429: the gate of the model is closed for so long. */
export async function throttleModel(
  { ledger }: Pick<Stores, 'ledger'>,
  { provider, model }: { provider: string; model: string },
  waitMs: number,
): Promise<void> {
  const step = { job: `throttled-${model}` };
  await ledger.admit(admitRequest({ ...step, hold: 0, gates: { provider, model } }));
  const gate = gateReport('throttled', { waitMs });
  await ledger.settle(failedAttempt({ ...step, cost: 0, gate }));
}

/** How the gate of a key, or of a key and a model, stands. */
export async function gateOf(
  { redis, keys }: Pick<Stores, 'redis' | 'keys'>,
  wanted: Pick<GateStatus, 'provider' | 'key' | 'model'>,
): Promise<GateStatus | undefined> {
  const gates = await readGates(redis, keys);
  return gates.find(
    ({ provider, key, model }) => provider === wanted.provider && key === wanted.key && model === wanted.model,
  );
}
