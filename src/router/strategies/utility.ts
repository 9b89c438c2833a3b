import type { RoutingConfig } from '../../domain/config.ts';
import type { Places } from '../columns.ts';

/** What the hybrid strategy weighs. */
export type Weights = RoutingConfig['weights'];

/** The models among which a strategy chooses: the rows of those that may serve the job, and columns to look them up in. */
export type Field = {
  /** Ascending. */
  rows: readonly number[];
  /** Less a part of their uncertainty. */
  scores: Float64Array;
  costNanos: Float64Array;
  /** Medians. */
  latencyMs: Float64Array;
  /** Natural logarithms of the medians. */
  latencyLogs: Float64Array;
  /** Shares of the traffic. */
  weights: Float64Array;
};

export type StrategyContext = {
  weights: Weights;
  /** What a right answer is worth, in nano-dollars; undefined weighs by `weights`. */
  answerValueNanos: number | undefined;
  /** By how much cost counts more (above 1) or less than that, for the sake of a budget. */
  costPressure: number;
  /** The order that was asked for: the list that restricts the models, else the configuration's. */
  places: Places;
  /** Uniform in [0, 1). */
  random: () => number;
  /** Grows with every decision. */
  turn: number;
};

/**
 * A strategy is a measure: for the row of every model of the field, in their order, it writes to `utilities` how much the
 * model is preferred. More is better; all strategies break ties alike (see `rank`).
 */
export type Utility = (field: Field, context: StrategyContext, utilities: Float64Array) => void;
