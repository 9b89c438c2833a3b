import { type EvidenceCell, NO_TASK, withFigure } from '../../domain/evidence.ts';
import { MOST_USD_PER_MILLION } from '../../domain/money.ts';
import { estimateTokens } from '../estimate.ts';
import type { ObservedLatency } from '../predict.ts';
import type { RecordedModels, RecordedPrompt, RecordedRow } from './rows.ts';

/** What recorded rows teach; names of models and tasks as they are in the rows. */
export type Lessons = {
  /** By model, then by task; see `Evidence`. */
  cells: Map<string, Record<string, EvidenceCell>>;
  /** Rows of each task. */
  tasks: Record<string, number>;
  latencies: Map<string, ObservedLatency>;
  /** USD per million tokens: the list price, else one that fits what the calls cost. */
  prices: Map<string, TokenPrice>;
  /** Models of which neither a price nor what a call cost is known: they count as free. */
  unpriced: string[];
  /** Tokens that hardly any answer exceeded. */
  longAnswerTokens: number;
};
type TokenPrice = { input: number; output: number };

type Outcome = RecordedRow['outcomes'][string];
/** One outcome, with what the router would have estimated of its prompt. */
type Sample = Outcome & { task: string; estimatedTokens: number };

/** Providers ask about so many times as much for an answer's token as for a prompt's. */
const OUTPUT_PER_INPUT_PRICE = 4;
const LEAST_PROMPT_PART = 0.01;
const LONG_ANSWER_SHARE = 0.99;
const MOST_ANSWER_TOKENS = 1_000_000;
const USUAL_LONG_ANSWER_TOKENS = 1_024;

export function learnFromRows(rows: readonly RecordedRow[], models: RecordedModels): Lessons {
  const lessons: Lessons = {
    cells: new Map(),
    tasks: countTasks(rows),
    latencies: new Map(),
    prices: new Map(),
    unpriced: [],
    longAnswerTokens: USUAL_LONG_ANSWER_TOKENS,
  };
  const answers: number[] = [];
  for (const [name, samples] of samplesByModel(rows, models)) {
    const price = listPrice(models[name]) ?? fittedPrice(samples);
    const cells = new Map<string, EvidenceCell>();
    for (const sample of samples) {
      const outputTokens = sample.output_tokens ?? outputTokensByCost(sample, price);
      if (outputTokens !== undefined) answers.push(outputTokens);
      cells.set(sample.task, withSample(cells.get(sample.task) ?? {}, sample, outputTokens));
    }
    lessons.cells.set(name, Object.fromEntries(cells));
    lessons.prices.set(name, price);
    if (listPrice(models[name]) === undefined && !samples.some(({ cost_usd: cost }) => cost !== undefined)) {
      lessons.unpriced.push(name);
    }
    const latency = latencyOf(samples);
    if (latency) lessons.latencies.set(name, latency);
  }
  if (answers.length > 0) {
    const longTokens = Math.ceil(quantile(answers, LONG_ANSWER_SHARE));
    lessons.longAnswerTokens = Math.min(MOST_ANSWER_TOKENS, Math.max(1, longTokens));
  }
  return lessons;
}

/** What the router estimates of a recorded prompt: its tools were sent with it. */
export function recordedTextOf({ prompt, tools }: Pick<RecordedPrompt, 'prompt' | 'tools'>): string {
  return tools === undefined ? prompt : `${prompt}\n${tools}`;
}

function countTasks(rows: readonly RecordedRow[]): Record<string, number> {
  const counts = new Map<string, number>();
  for (const { task = NO_TASK } of rows) counts.set(task, (counts.get(task) ?? 0) + 1);
  return Object.fromEntries(counts);
}

function samplesByModel(rows: readonly RecordedRow[], models: RecordedModels): Map<string, Sample[]> {
  const samples = new Map<string, Sample[]>(Object.keys(models).map((name) => [name, []]));
  for (const row of rows) {
    const estimatedTokens = estimateTokens([{ role: 'user', content: recordedTextOf(row) }]).expected;
    for (const [name, outcome] of Object.entries(row.outcomes)) {
      samples.get(name)?.push({ ...outcome, task: row.task ?? NO_TASK, estimatedTokens });
    }
  }
  return samples;
}

function withSample(cell: EvidenceCell, sample: Sample, outputTokens: number | undefined): EvidenceCell {
  const { score, input_tokens: inputTokens, estimatedTokens } = sample;
  const ratio = inputTokens === undefined ? 1 : inputTokens / Math.max(1, estimatedTokens);
  return {
    score: withFigure(cell.score, score),
    input_tokens: withFigure(cell.input_tokens, inputTokens ?? estimatedTokens),
    input_ratio: withFigure(cell.input_ratio, ratio),
    ...(outputTokens === undefined ? {} : { output_tokens: withFigure(cell.output_tokens, outputTokens) }),
  };
}

function listPrice(model: RecordedModels[string] | undefined): TokenPrice | undefined {
  const { input_usd_per_mtok: input, output_usd_per_mtok: output } = model ?? {};
  return input === undefined || output === undefined ? undefined : { input, output };
}

/**
 * From what calls cost: the price of a prompt's token by how cost grows with the prompt among calls of the same task
 * (least squares); the rest is the answer's.
 */
function fittedPrice(samples: readonly Sample[]): TokenPrice {
  const priced = samples.filter(({ cost_usd: cost }) => cost !== undefined);
  let together = 0;
  let squares = 0;
  for (const group of Map.groupBy(priced, ({ task }) => task).values()) {
    const tokens = mean(group.map(({ estimatedTokens }) => estimatedTokens));
    const cost = mean(group.map(({ cost_usd: usd = 0 }) => usd));
    for (const { estimatedTokens, cost_usd: usd = 0 } of group) {
      together += (estimatedTokens - tokens) * (usd - cost);
      squares += (estimatedTokens - tokens) ** 2;
    }
  }
  const usual = mean(priced.map(({ cost_usd: usd = 0, estimatedTokens }) => usd / Math.max(1, estimatedTokens)));
  const slope = squares > 0 ? Math.min(together / squares, usual) : 0;
  // A cost that does not grow with the prompt is the answer's alone, whatever rounding says.
  const input = slope > LEAST_PROMPT_PART * usual ? slope : 0;
  const output = OUTPUT_PER_INPUT_PRICE * (input > 0 ? input : usual) || 0;
  return { input: Math.min(input * 1e6, MOST_USD_PER_MILLION), output: Math.min(output * 1e6, MOST_USD_PER_MILLION) };
}

/** What is left of the cost when the prompt is paid for. */
function outputTokensByCost({ cost_usd: costUsd, estimatedTokens }: Sample, price: TokenPrice): number | undefined {
  if (costUsd === undefined || price.output === 0) return undefined;
  return Math.max(0, costUsd * 1e6 - estimatedTokens * price.input) / price.output;
}

function latencyOf(samples: readonly Sample[]): ObservedLatency | undefined {
  const latencies = samples.flatMap(({ latency_ms: latencyMs }) => latencyMs ?? []);
  if (latencies.length === 0) return undefined;
  return { p50: quantile(latencies, 0.5), p95: quantile(latencies, 0.95), count: latencies.length };
}

function mean(figures: readonly number[]): number {
  return figures.reduce((sum, figure) => sum + figure, 0) / figures.length;
}

function quantile(figures: readonly number[], share: number): number {
  const ordered = figures.toSorted((left, right) => left - right);
  return ordered[Math.min(ordered.length - 1, Math.floor(share * ordered.length))] ?? 0;
}
