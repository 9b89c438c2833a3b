import { type Evidence, type EvidenceCell, NO_TASK } from '../../domain/evidence.ts';
import type { ModelSpec } from '../../domain/model.ts';
import { nanosToUsd } from '../../domain/money.ts';
import { nanosAt, type PriceColumn } from '../price-column.ts';
import { type Effects, fitEffects } from './effects.ts';
import { exchangeRates, type Market, varianceOf } from './exchange-rate.ts';
import { expectedFigures } from './figures.ts';
import {
  configuredScore,
  type EvidenceTable,
  haveSameScores,
  isScored,
  seenCells,
  sharesOf,
  tableOf,
} from './table.ts';

/** What is expected of each model at one task, by row of the catalogue. Never changed. */
export type Expectations = {
  /** Scores, 0 to 1. */
  scores: Float64Array;
  /** Standard deviations of the scores' estimates; 0 while nothing but the configuration is known. */
  deviations: Float64Array;
  /** Scores less a part of their uncertainty. Choices are made by these: of many guesses the highest is too high. */
  safeScores: Float64Array;
  /** Tokens of an answer; NaN where nothing is known. */
  outputTokens: Float64Array;
  /** Tokens of a prompt as the provider counts them, over tokens as they are estimated. */
  inputRatios: Float64Array;
};

/** How much score a dollar must buy under a floor on quality; see `exchangeRates`. */
export type Exchange = {
  /** At a task; undefined when only the best single model is sure to be good enough. */
  ratePerUsd: (task: string) => number | undefined;
  /** The row of the best single model. */
  best: number;
};

export type Learned = {
  /** Of a job of this task; null for one of any. */
  expect: (task: string | null) => Expectations;
  /** Undefined while no scores were given. */
  exchange: (floor: number) => Exchange | undefined;
  fitted: Fitted;
};

/** Scores and what was made of them. */
type Fitted = { table: EvidenceTable; effects: Effects | undefined };

/** In standard deviations: what is taken off a score because the model is little known. */
const CAUTION = 0.75;
/** What is expected of a model about which nothing says anything: neither good nor bad. */
const UNKNOWN_SCORE = 0.5;
/** What a call is taken for when the exchange rate is found and none was seen. */
const USUAL_TOKENS = { input: 500, output: 300 };

type Figures = Record<'inputTokens' | 'outputTokens' | 'inputRatios', readonly Float64Array[]>;

/**
 * Works out what the evidence says of the models: `z` is how sure a floor on quality must be. What takes longest, fitting
 * the scores, is taken over from `previous` when only other figures have changed.
 */
export function learnFrom(
  evidence: Evidence | undefined,
  models: readonly ModelSpec[],
  { prices, z, previous }: { prices: PriceColumn; z: number; previous?: Fitted | undefined },
): Learned {
  const table = tableOf(evidence, models);
  const figures = figuresIn(table);
  const shares = sharesOf(table, evidence?.tasks);
  const effects = effectsOf(table, models, previous);
  const market = effects && toMarket(effects, models, { table, figures, shares, prices });

  const expect = memoise((task: string | null): Expectations => {
    const name = task ?? (isScored(table, NO_TASK) ? NO_TASK : null);
    const index = name === null ? -1 : table.tasks.indexOf(name);
    const { mean, deviation } = effects
      ? estimateAt(effects, { index, task, shares })
      : { mean: configuredAt(models, table, task), deviation: new Float64Array(table.families.length) };
    const byRow = (column: Float64Array): Float64Array =>
      Float64Array.from(table.familyOf, (family) => column[family] as number);
    return {
      scores: byRow(mean),
      deviations: byRow(deviation),
      safeScores: byRow(mean.map((score, family) => score - CAUTION * (deviation[family] as number))),
      outputTokens: byRow(figures.outputTokens[index] ?? average(figures.outputTokens, shares)),
      inputRatios: byRow(figures.inputRatios[index] ?? average(figures.inputRatios, shares)).map((ratio) =>
        Number.isNaN(ratio) ? 1 : ratio,
      ),
    };
  });
  const exchange = memoise((floor: number): Exchange | undefined => {
    if (market === undefined) return undefined;
    const { rates, best } = exchangeRates(market, { floor, z });
    return {
      // A task that was never seen has no choice that is known to be safe but the best one.
      ratePerUsd: (task) => (rates === undefined ? undefined : (rates[table.tasks.indexOf(task)] ?? 0)),
      best: table.firstRows[best] as number,
    };
  });
  return { expect, exchange, fitted: { table, effects } };
}

function effectsOf(table: EvidenceTable, models: readonly ModelSpec[], previous: Fitted | undefined) {
  if (!table.hasScores) return undefined;
  if (previous?.effects && haveSameScores(previous.table, table)) return previous.effects;
  return fitEffects(seenCells(table, models));
}

/** Without a task, or with the cell of none, what is expected of the mix of all jobs. */
function estimateAt(
  effects: Effects,
  { index, task, shares }: { index: number; task: string | null; shares: readonly number[] },
): { mean: Float64Array; deviation: Float64Array } {
  const [mean, deviation] = [effects.mean[index], effects.sd[index]];
  if (mean && deviation) return { mean, deviation };
  if (task !== null) return { mean: effects.unseen.mean, deviation: effects.unseen.sd };
  return {
    mean: average(effects.mean, shares),
    deviation: effects.modelVariance.map((_, model) => Math.sqrt(varianceOf(effects, model, shares))),
  };
}

function configuredAt(models: readonly ModelSpec[], { firstRows }: EvidenceTable, task: string | null): Float64Array {
  return Float64Array.from(firstRows, (row) => {
    const model = models[row] as ModelSpec;
    return (task === null ? model.defaultScore : configuredScore(model, task)) ?? UNKNOWN_SCORE;
  });
}

function figuresIn({ cells, families }: EvidenceTable): Figures {
  const expected = (name: keyof EvidenceCell): Float64Array[] =>
    expectedFigures(
      cells.map((row) => row.map((cell) => cell?.[name])),
      families.length,
    );
  return {
    inputTokens: expected('input_tokens'),
    outputTokens: expected('output_tokens'),
    inputRatios: expected('input_ratio'),
  };
}

type MarketParts = { table: EvidenceTable; figures: Figures; shares: readonly number[]; prices: PriceColumn };

/** Models that embed are no choice for jobs that have scores. */
function toMarket(effects: Effects, models: readonly ModelSpec[], parts: MarketParts): Market {
  const { table, figures, shares, prices } = parts;
  const embeds = table.firstRows.map((row) => models[row]?.capabilities.has('embeddings') === true);
  return {
    effects,
    shares,
    safe: effects.mean.map((means, task) =>
      means.map((mean, family) =>
        embeds[family] ? -Infinity : mean - CAUTION * ((effects.sd[task] as Float64Array)[family] as number),
      ),
    ),
    costUsd: table.tasks.map((_, task) =>
      Float64Array.from(table.firstRows, (row, family) => {
        if (embeds[family]) return Infinity;
        const inputTokens = tokensAt(figures.inputTokens, task, family, USUAL_TOKENS.input);
        const outputTokens = tokensAt(figures.outputTokens, task, family, USUAL_TOKENS.output);
        return nanosToUsd(nanosAt(prices, row, inputTokens, outputTokens));
      }),
    ),
  };
}

function tokensAt(figures: readonly Float64Array[], task: number, family: number, usual: number): number {
  const tokens = figures[task]?.[family] ?? Number.NaN;
  return Number.isNaN(tokens) ? usual : tokens;
}

/** Over all tasks, by their shares; what is not known at one task leaves its share to the others. */
function average(columns: readonly Float64Array[], shares: readonly number[]): Float64Array {
  const length = columns[0]?.length ?? 0;
  return Float64Array.from({ length }, (_, model) => {
    let sum = 0;
    let weights = 0;
    for (const [task, share] of shares.entries()) {
      const figure = columns[task]?.[model] ?? Number.NaN;
      if (Number.isNaN(figure)) continue;
      sum += share * figure;
      weights += share;
    }
    return sum / weights;
  });
}

function memoise<Key, Value>(make: (key: Key) => Value): (key: Key) => Value {
  const made = new Map<Key, Value>();
  return (key) => {
    if (!made.has(key)) made.set(key, make(key));
    return made.get(key) as Value;
  };
}
