import type { RoutingConfig } from '../../domain/config.ts';
import type { AliasPlaces, Candidate } from '../candidates.ts';

/** What the hybrid strategy weighs. */
export type Weights = RoutingConfig['weights'];

export type StrategyContext = {
  weights: Weights;
  /** The order that was asked for: the list that restricts the models, else the configuration's. */
  places: AliasPlaces;
  /** Uniform in [0, 1). */
  random: () => number;
};

/**
 * A strategy is a measure: for each survivor, in their order, how much it is preferred. More is better; all strategies
 * break ties alike (see `rank`).
 */
export type Utility = (survivors: readonly Candidate[], context: StrategyContext) => ArrayLike<number>;
