import { type CeilingFigures, meanCeilings } from './ceilings.ts';
import type { Dataset } from './data.ts';
import type { Figures, Saving } from './judge.ts';
import { deviationOf, meanOf } from './metrics.ts';
import type { StreamFigures } from './stream.ts';
import type { DecisionTimes } from './timing.ts';
import { type Method, METHODS, type ThinChoices, type Trial } from './trial.ts';
import type { CallFigures } from './two-models.ts';

/** All splits of one data set as one object of figures. */

/** A point: so much worse than the best single model is still as good. */
const NEAR = 0.01;

export type SavingSummary = {
  saved: number;
  /** Its standard deviation over the splits. */
  savedDeviation: number;
  delta: number;
  deltaDeviation: number;
  /** Share of the splits whose accuracy is at most one point below that of the best single model. */
  near: number;
};

export type MethodSummary = {
  accuracy: number;
  accuracyDeviation: number;
  /** USD; of two models with roles the share of strong calls. */
  costPerThousand: number;
  aiq: number | null;
  /** Part of the way from the best single model to the oracle. */
  gapClosed: number | null;
  guarded: SavingSummary | null;
  tuned: SavingSummary | null;
};

type ByMethod<Value> = Partial<Record<Method, Value>>;

export type DatasetSummary = {
  name: string;
  rows: number;
  models: number;
  splits: number;
  cost: Dataset['cost'];
  methods: ByMethod<MethodSummary>;
  thin: { methods: ByMethod<MethodSummary>; quality: ThinChoices; cost: ThinChoices };
  ceilings: CeilingFigures[];
  calls: Record<string, ByMethod<CallFigures>>;
  times: Record<'withTask' | 'withoutTask', DecisionTimes>;
  stream: StreamFigures[];
};

export function summaryOf(
  dataset: Dataset,
  trials: readonly Trial[],
  { stream, times }: Pick<DatasetSummary, 'stream' | 'times'>,
): DatasetSummary {
  const methods = trials.map((trial) => trial.methods);
  const bounds = {
    best: meanOf(methods.map((one) => one['best single']?.accuracy ?? Number.NaN)),
    oracle: meanOf(methods.map((one) => one.oracle?.accuracy ?? Number.NaN)),
  };
  return {
    name: dataset.name,
    rows: dataset.rows.length,
    models: dataset.aliases.length,
    splits: trials.length,
    cost: dataset.cost,
    methods: eachMethod(methods, (all) => methodSummary(all, bounds)),
    thin: {
      methods: eachMethod(
        trials.map(({ thin }) => thin.methods),
        (all) => methodSummary(all, bounds),
      ),
      quality: meanThin(trials.map(({ thin }) => thin.quality)),
      cost: meanThin(trials.map(({ thin }) => thin.cost)),
    },
    ceilings: meanCeilings(trials.map(({ ceilings }) => ceilings)),
    calls: Object.fromEntries(
      Object.keys(trials[0]?.calls ?? {}).map((group) => [
        group,
        eachMethod(
          trials.map(({ calls }) => calls[group] ?? {}),
          meanCalls,
        ),
      ]),
    ),
    times,
    stream,
  };
}

function eachMethod<Value, Summary>(
  trials: readonly ByMethod<Value>[],
  summarise: (values: readonly Value[]) => Summary,
): ByMethod<Summary> {
  const present = METHODS.filter((method) => trials.some((trial) => trial[method] !== undefined));
  return Object.fromEntries(
    present.map((method) => [method, summarise(trials.flatMap((trial) => trial[method] ?? []))]),
  );
}

function methodSummary(all: readonly Figures[], { best, oracle }: { best: number; oracle: number }): MethodSummary {
  const accuracies = all.map((figures) => figures.accuracy);
  const aiqs = all.flatMap(({ aiq }) => aiq ?? []);
  const gap = oracle - best;
  return {
    accuracy: meanOf(accuracies),
    accuracyDeviation: deviationOf(accuracies),
    costPerThousand: meanOf(all.map(({ costUsd }) => costUsd)) * 1_000,
    aiq: aiqs.length > 0 ? meanOf(aiqs) : null,
    gapClosed: gap > 0 ? (meanOf(accuracies) - best) / gap : null,
    guarded: savingSummary(all.flatMap(({ guarded }) => guarded ?? [])),
    tuned: savingSummary(all.flatMap(({ tuned }) => tuned ?? [])),
  };
}

function savingSummary(savings: readonly Saving[]): SavingSummary | null {
  if (savings.length === 0) return null;
  const saved = savings.map((saving) => saving.saved);
  const deltas = savings.map(({ delta }) => delta);
  return {
    saved: meanOf(saved),
    savedDeviation: deviationOf(saved),
    delta: meanOf(deltas),
    deltaDeviation: deviationOf(deltas),
    // What was counted exactly must not fail by a rounding.
    near: deltas.filter((delta) => delta >= -NEAR - 1e-9).length / deltas.length,
  };
}

/** Over all choices, not over splits: most of them are made in few splits. */
function meanThin(all: readonly ThinChoices[]): ThinChoices {
  const share = meanOf(all.map((one) => one.share));
  return { share, delta: share > 0 ? meanOf(all.map((one) => one.share * one.delta)) / share : 0 };
}

function meanCalls(all: readonly CallFigures[]): CallFigures {
  return {
    apgr: meanOf(all.map(({ apgr }) => apgr)),
    cpt50: meanOf(all.map(({ cpt50 }) => cpt50)),
    cpt80: meanOf(all.map(({ cpt80 }) => cpt80)),
  };
}
