import type { ModelSpec } from '../domain/model.ts';
import type { Columns, Places } from './columns.ts';
import { expectedOutputTokens } from './estimate.ts';
import type { Expectations } from './evidence/learned.ts';
import type { Forecast } from './predict.ts';
import { nanosAt } from './price-column.ts';
import type { Demand, RouteQuestion } from './question.ts';

/** A model that may serve the job. */
export type Candidate = {
  model: ModelSpec;
  /** Tokens that its answer may have: the question's, or its own limit where that is lower. */
  maxTokens: number;
  predicted: {
    /** 0 to 1. */
    score: number;
    /** Standard deviation of that estimate; 0 while only the configuration says what the score is. */
    scoreDeviation: number;
    costNanos: number;
    /** The median, and what 19 of 20 calls stay below. */
    latencyMs: number;
    latencyP95Ms: number;
  };
  /** What the call can cost at the most: the bound of the prompt and an answer of `maxTokens`. */
  boundNanos: number;
};

/** A candidate with what the strategy maximised, which is comparable within one route only. */
export type RankedCandidate = Candidate & { utility: number };

/** All that one decision rests on. Nothing in it changes afterwards, so that whoever asks later is told what was. */
export type Basis = {
  columns: Columns;
  question: RouteQuestion;
  demand: Demand;
  forecast: Forecast;
  /** Epoch milliseconds. */
  now: number;
  /** For the question's task, or for what its prompt was read as. */
  expected: Expectations;
  /** The models that may be asked; undefined allows every one. */
  allowed: Places | undefined;
  /** The models that the job has tried; undefined when there are none. */
  tried: Places | undefined;
  /** Which percentile of a model's latency a limit is held against. */
  percentile: 'p50' | 'p95';
};

export function candidateAt(basis: Basis, row: number): Candidate {
  return {
    model: modelAt(basis, row),
    maxTokens: maxTokensAt(basis, row),
    predicted: {
      score: basis.expected.scores[row] as number,
      scoreDeviation: basis.expected.deviations[row] as number,
      costNanos: costNanosAt(basis, row),
      latencyMs: basis.forecast.latencyMs.p50[row] as number,
      latencyP95Ms: basis.forecast.latencyMs.p95[row] as number,
    },
    boundNanos: boundNanosAt(basis, row),
  };
}

export function modelAt({ columns }: Basis, row: number): ModelSpec {
  return columns.models[row] as ModelSpec;
}

function maxTokensAt({ demand, columns }: Basis, row: number): number {
  return Math.min(demand.maxTokens, columns.maxOutputTokens[row] as number);
}

export function costNanosAt(basis: Basis, row: number): number {
  const { columns, demand, expected } = basis;
  const inputTokens = demand.inputTokens.expected * (expected.inputRatios[row] as number);
  const outputTokens = expectedOutputTokens(maxTokensAt(basis, row), expected.outputTokens[row] as number);
  return nanosAt(columns.prices.expected, row, inputTokens, outputTokens);
}

export function boundNanosAt(basis: Basis, row: number): number {
  return nanosAt(basis.columns.prices.bound, row, basis.demand.inputTokens.bound, maxTokensAt(basis, row));
}

/** The tokens that prompt and answer will probably have together; of what is to be embedded the longest input. */
export function neededContextTokensAt(basis: Basis, row: number): number {
  return basis.demand.contextTokens + maxTokensAt(basis, row);
}
