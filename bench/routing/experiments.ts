import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ExperimentConfig } from '../../src/domain/experiment-config.ts';
import { newStanding, planOf, withOutcome } from '../../src/domain/experiment-standing.ts';
import { readCsv } from './csv.ts';

/**
 * How soon an experiment tells two versions of a model apart that are known to differ, and how often it finds a difference
 * where there is none, when it is looked at after every outcome. On recorded answers of GPT-4 of March and of June 2023 to
 * the same questions (is this number a prime?); by the code that counts outcomes in operation.
 * Run by itself: `node bench/routing/experiments.ts FOLDER`.
 */

type Row = Record<string, string>;

const FILE = 'PRIME_FULL_EVAL.csv';
const [BEFORE, AFTER] = ['openaichat/gpt-4-0314', 'openaichat/gpt-4-0613'];
const ORDERS = 500;
const PERMUTATIONS = 2_000;
const ALPHA = 0.05;
/** Two-sided, at the same alpha: what somebody would use who looks once. */
const NAIVE_Z = 1.959964;
/** Before so many outcomes an arm nobody would look at a z-test. */
const NAIVE_FROM = 10;

export type ExperimentFigures = {
  accuracy: { before: number; after: number };
  questions: number;
  /** Of random orders, in which the arms come by turns, or by chance as users do. */
  difference: Detection;
  differenceByChance: Detection;
  /** The same model on both arms; shares of the permutations in which a difference was found. */
  none: {
    permutations: number;
    alpha: number;
    found: number;
    /** By the z-test for two shares, at the same alpha. */
    foundNaively: number;
    /** By latency, a figure with hardly any ties. */
    foundByLatency: number;
  };
};

/** Outcomes an arm until it decided, and how often it was wrong or did not decide. */
type Detection = { orders: number; medianAnArm: number; p90AnArm: number; wrong: number; undecided: number };

export async function benchExperiments(folder: string): Promise<ExperimentFigures> {
  const text = await readFile(join(folder, FILE), 'utf8').catch(() => {
    throw new Error(`no ${FILE} in ${folder}`);
  });
  const rows = [...readCsv(text)];
  const [before, after] = [scoresOf(rows, BEFORE), scoresOf(rows, AFTER)];
  const random = chance(20_261_122);
  return {
    accuracy: { before: meanOf(before), after: meanOf(after) },
    questions: before.length,
    difference: tellApart(before, after, takeTurns, random),
    differenceByChance: tellApart(before, after, takeChances, random),
    none: findNothing(before, latenciesOf(rows, BEFORE), random),
  };
}

/** 1 for an answer that is right, by its own verdict in brackets; 0 for one that is wrong or gives none. */
function scoresOf(rows: readonly Row[], model: string): number[] {
  return rowsOf(rows, model).map(({ answer = '', ref_answer = '' }) => {
    return new RegExp(String.raw`\[${ref_answer}\]`, 'i').test(answer) ? 1 : 0;
  });
}

function latenciesOf(rows: readonly Row[], model: string): number[] {
  return rowsOf(rows, model).map(({ latency }) => Number(latency));
}

function rowsOf(rows: readonly Row[], model: string): Row[] {
  const own = rows.filter((row) => row['model'] === model);
  if (own.length === 0) throw new Error(`${FILE} has no rows of ${model}`);
  return own;
}

const PLAN = planOf(ExperimentConfig.parse({ alpha: ALPHA, variants: { before: {}, after: {} } }));

type Outcomes = Iterable<{ variant: string; value: number }>;
type Order = (before: readonly number[], after: readonly number[], random: () => number) => Outcomes;

function tellApart(before: readonly number[], after: readonly number[], order: Order, random: () => number): Detection {
  const samples: number[] = [];
  let wrong = 0;
  for (let run = 0; run < ORDERS; run += 1) {
    const found = runUntilDecided(order(shuffled(before, random), shuffled(after, random), random));
    if (found === undefined) continue;
    samples.push(found.anArm);
    if (found.isBetter) wrong += 1;
  }
  samples.sort((a, b) => a - b);
  const at = (part: number): number => samples[Math.floor(samples.length * part)] ?? Number.NaN;
  return { orders: ORDERS, medianAnArm: at(0.5), p90AnArm: at(0.9), wrong, undecided: ORDERS - samples.length };
}

/** One outcome of each arm; whose turn is first is chance. */
function* takeTurns(before: readonly number[], after: readonly number[], random: () => number): Outcomes {
  for (const [index, value] of before.entries()) {
    const turn = [
      { variant: 'before', value },
      { variant: 'after', value: after[index] ?? 0 },
    ];
    yield* random() < 0.5 ? turn : turn.reverse();
  }
}

function* takeChances(before: readonly number[], after: readonly number[], random: () => number): Outcomes {
  const [old, fresh] = [before.values(), after.values()];
  for (;;) {
    const isOld = random() < 0.5;
    const { done, value } = (isOld ? old : fresh).next();
    if (done) return;
    yield { variant: isOld ? 'before' : 'after', value };
  }
}

function findNothing(scores: readonly number[], latencies: readonly number[], random: () => number) {
  let found = 0;
  let foundByLatency = 0;
  let foundNaively = 0;
  for (let permutation = 0; permutation < PERMUTATIONS; permutation += 1) {
    const [one, other] = dealt(scores, random);
    if (runUntilDecided(takeTurns(one, other, random)) !== undefined) found += 1;
    if (isFoundByPeeking(one, other)) foundNaively += 1;
    if (runUntilDecided(takeTurns(...dealt(latencies, random), random)) !== undefined) foundByLatency += 1;
  }
  return {
    permutations: PERMUTATIONS,
    alpha: ALPHA,
    found: found / PERMUTATIONS,
    foundNaively: foundNaively / PERMUTATIONS,
    foundByLatency: foundByLatency / PERMUTATIONS,
  };
}

/** Looked at after every outcome. */
function runUntilDecided(outcomes: Outcomes): { anArm: number; isBetter: boolean } | undefined {
  let standing = newStanding(PLAN);
  let seen = 0;
  for (const outcome of outcomes) {
    seen += 1;
    standing = withOutcome(standing, PLAN, { ...outcome, at: seen });
    const decided = standing.comparisons['after']?.decided;
    if (decided !== undefined) return { anArm: Math.ceil(seen / 2), isBetter: decided.isBetter };
  }
  return undefined;
}

/** The z-test for two shares, looked at after every outcome of both. */
function isFoundByPeeking(one: readonly number[], other: readonly number[]): boolean {
  let [a, b] = [0, 0];
  for (const [index, score] of one.entries()) {
    a += score;
    b += other[index] ?? 0;
    const n = index + 1;
    const pooled = (a + b) / (2 * n);
    const deviation = Math.sqrt((2 * pooled * (1 - pooled)) / n);
    if (n >= NAIVE_FROM && Math.abs(a - b) / n > NAIVE_Z * deviation) return true;
  }
  return false;
}

function meanOf(scores: readonly number[]): number {
  return scores.reduce((sum, score) => sum + score, 0) / scores.length;
}

/** Every unit to either arm by chance, as users are; as many to one as to the other. */
function dealt(figures: readonly number[], random: () => number): [number[], number[]] {
  const order = shuffled(figures, random);
  const half = Math.floor(order.length / 2);
  return [order.slice(0, half), order.slice(half, 2 * half)];
}

/** Fisher and Yates. */
function shuffled(values: readonly number[], random: () => number): number[] {
  const order = [...values];
  for (let last = order.length - 1; last > 0; last -= 1) {
    const other = Math.floor(random() * (last + 1));
    [order[last], order[other]] = [order[other] ?? 0, order[last] ?? 0];
  }
  return order;
}

/** Repeatable (mulberry32). */
function chance(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

if (import.meta.main) console.log(JSON.stringify(await benchExperiments(process.argv[2] ?? '.'), null, 2));
