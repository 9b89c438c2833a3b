import type { ModelSpec } from '../domain/model.ts';
import { costOfTokens, type TokenPrice } from '../domain/money.ts';
import type { Columns, Places } from './columns.ts';
import { expectedOutputTokens } from './estimate.ts';
import type { Forecast } from './predict.ts';
import type { RouteQuestion } from './question.ts';

/** A model that may serve the job. */
export type Candidate = {
  model: ModelSpec;
  /** Tokens that its answer may have: the question's, or its own limit where that is lower. */
  maxTokens: number;
  predicted: {
    score: number;
    costNanos: number;
    /** The median. */
    latencyMs: number;
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
  forecast: Forecast;
  /** Epoch milliseconds. */
  now: number;
  /** For the question's task. */
  scores: Float64Array;
  /** The models that may be asked; undefined allows every one. */
  allowed: Places | undefined;
  /** Which percentile of a model's latency a limit is held against. */
  percentile: 'p50' | 'p95';
};

export function candidateAt(basis: Basis, row: number): Candidate {
  return {
    model: modelAt(basis, row),
    maxTokens: maxTokensAt(basis, row),
    predicted: {
      score: basis.scores[row] as number,
      costNanos: costNanosAt(basis, row),
      latencyMs: basis.forecast.latencyMs.p50[row] as number,
    },
    boundNanos: boundNanosAt(basis, row),
  };
}

export function modelAt({ columns }: Basis, row: number): ModelSpec {
  return columns.models[row] as ModelSpec;
}

function maxTokensAt({ question, columns }: Basis, row: number): number {
  return Math.min(question.maxTokens, columns.maxOutputTokens[row] as number);
}

export function costNanosAt(basis: Basis, row: number): number {
  return costOfTokens(basis.columns.prices[row] as TokenPrice, {
    inputTokens: basis.question.inputTokens.expected,
    outputTokens: expectedOutputTokens(maxTokensAt(basis, row)),
  });
}

export function boundNanosAt(basis: Basis, row: number): number {
  return costOfTokens(basis.columns.prices[row] as TokenPrice, {
    inputTokens: basis.question.inputTokens.bound,
    outputTokens: maxTokensAt(basis, row),
  });
}

/** The tokens that prompt and answer will probably have together. */
export function neededContextTokensAt(basis: Basis, row: number): number {
  return basis.question.inputTokens.expected + maxTokensAt(basis, row);
}
