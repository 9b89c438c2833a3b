import type { ModelConfig } from '../../domain/model-config.ts';
import { type UsageSums, emptySums } from '../../domain/usage-sums.ts';
import type { GateStatus } from '../../store/gates/read.ts';
import type { LatencySummary, Observations } from '../../store/observations.ts';
import type { Share } from './spend.ts';

/** How a model stands. */
export type ModelStatus = {
  alias: string;
  provider?: string;
  /**
   * - `fine`: takes calls.
   * - `trying`: one at a time, to see whether it does well again.
   * - `stopped`: none until `untilMs`, since its calls fail or its keys are refused (`code`).
   * - `throttled`: none until `untilMs`, since its provider asked for that.
   */
  state: 'fine' | 'trying' | 'stopped' | 'throttled';
  untilMs?: number;
  code?: string;
  /** Calls under way, and how many there may be, where that is limited or was learnt. */
  inFlight: number;
  concurrency?: number;
  latency?: LatencySummary;
  /** Of today. */
  sums: UsageSums;
};

type Sources = {
  configured: Readonly<Record<string, Pick<ModelConfig, 'provider' | 'id'>>>;
  gates: readonly GateStatus[];
  observations: Observations;
  today: readonly Share[];
};

/** The models that are configured, and those that were called today; the dearest first. */
export function summariseModels({ configured, gates, observations, today }: Sources): ModelStatus[] {
  const sumsOf = new Map(today.flatMap(({ name, sums }) => (name === undefined ? [] : [[name, sums] as const])));
  const aliases = new Set([...sumsOf.keys(), ...Object.keys(configured)]);
  return [...aliases].map((alias) => {
    const model = Object.hasOwn(configured, alias) ? configured[alias] : undefined;
    const latency = observations.latencies.get(alias);
    return {
      alias,
      ...(model ? { provider: model.provider } : {}),
      ...standingOf(alias, model && gatesOf(model, gates), observations),
      ...(latency ? { latency } : {}),
      sums: sumsOf.get(alias) ?? emptySums(),
    };
  });
}

type ModelGates = { circuit: GateStatus | undefined; pairs: readonly GateStatus[] };

function gatesOf({ provider, id }: Pick<ModelConfig, 'provider' | 'id'>, gates: readonly GateStatus[]): ModelGates {
  const own = gates.filter((gate) => gate.provider === provider && gate.model === id);
  return {
    circuit: own.find(({ key }) => key === undefined),
    pairs: own.filter(({ key }) => key !== undefined),
  };
}

type Standing = Pick<ModelStatus, 'state' | 'untilMs' | 'code' | 'inFlight' | 'concurrency'>;

function standingOf(alias: string, gates: ModelGates | undefined, observations: Observations): Standing {
  const { circuit, pairs = [] } = gates ?? {};
  const limits = pairs.flatMap(({ concurrencyLimit }) => (concurrencyLimit === undefined ? [] : [concurrencyLimit]));
  const load = {
    inFlight: pairs.reduce((sum, { inflight }) => sum + inflight, 0),
    ...(limits.length === 0 ? {} : { concurrency: limits.reduce((sum, limit) => sum + limit, 0) }),
  };
  const code = observations.closedFor.get(alias)?.code ?? circuit?.code;
  const told = code === undefined ? {} : { code };
  const stoppedUntilMs = observations.closedUntil.get(alias);
  if (stoppedUntilMs !== undefined) return { state: 'stopped', untilMs: stoppedUntilMs, ...told, ...load };
  const throttledUntilMs = observations.throttledUntil.get(alias);
  if (throttledUntilMs !== undefined) return { state: 'throttled', untilMs: throttledUntilMs, ...load };
  return circuit?.state === 'trying' ? { state: 'trying', ...told, ...load } : { state: 'fine', ...load };
}
