import { Config } from '../../src/domain/config.ts';
import { type Evidence, NO_EVIDENCE, withFigure } from '../../src/domain/evidence.ts';
import { createRouter, type Knowledge, type Router } from '../../src/router/index.ts';
import { largestAt, meansOf } from './baselines.ts';
import type { Dataset } from './data.ts';
import { meanOf, percentileOf } from './metrics.ts';
import { shuffled } from './splits.ts';

/**
 * Jobs one after the other, in a random order: of each only the chosen model's score becomes known, and is fed back into
 * the evidence that the next decisions rest on. It begins with all scores of the first fifth of the rows, as an
 * evaluation leaves them. At half time nothing happens, or the best model and the worst one change places, or the best
 * model's calls fail for a while.
 */

const WARM_SHARE = 0.2;
const OUTAGE_SHARE = 0.1;
/** Per score, of all that came before it in its cell. */
const DECAY = 0.998;
/** Workers look at the evidence about once a second, not for each job. */
const JOBS_PER_LOOK = 25;
const SEEDS = 3;
/** Recovered is who stays, over so many jobs, this near to what was lost to ignorance before. */
const WINDOW_JOBS = 200;
const NEAR = 0.02;

const EVENTS = ['calm', 'drift', 'outage'] as const;
type Event = (typeof EVENTS)[number];

/** How it learns: not at all after the start, from what it chose, or also from what it tried out. */
const LEARNING = { none: undefined, feedback: 0, 'feedback, 5 % tried out': 0.05 } as const;
type Learning = keyof typeof LEARNING;

export type StreamFigures = {
  event: Event;
  learning: Learning;
  /** Mean scores before half time, from it on, and while the model is out. */
  before: number;
  after: number;
  during?: number;
  /** Mean score that the best model for each task would have more. */
  regretBefore: number;
  regretAfter: number;
  /** Jobs after half time until it has recovered, median; null where most runs do not. */
  recoveredAfter?: number | null;
  /** Of the jobs whose first call failed those that another model answered. */
  saved?: number;
};

export function streamFigures(dataset: Dataset): StreamFigures[] {
  return EVENTS.flatMap((event) =>
    (Object.keys(LEARNING) as Learning[]).map((learning) => {
      const runs = Array.from({ length: SEEDS }, (_, seed) => runStream(dataset, { event, learning, seed }));
      return { event, learning, ...averageOf(runs, event) };
    }),
  );
}

type Step = { score: number; regret: number; failedFirst: boolean; isServed: boolean };
type Run = { steps: readonly Step[]; half: number; outageEnds: number };

function runStream(
  dataset: Dataset,
  { event, learning, seed }: { event: Event; learning: Learning; seed: number },
): Run {
  const { rows, aliases } = dataset;
  const order = shuffled([...rows.keys()], `stream-${seed}`);
  const warm = order.slice(0, Math.floor(order.length * WARM_SHARE));
  const stream = order.slice(warm.length);
  const half = Math.floor(stream.length / 2);
  const outageEnds = half + Math.floor(stream.length * OUTAGE_SHARE);
  const swap = swapOf(dataset);
  const truth = truthOf(dataset);
  const router = createRouter(configOf(dataset, LEARNING[learning] ?? 0));
  const random = randomOf(seed);
  const table = new EvidenceTable();
  for (const row of warm)
    aliases.forEach((_, model) => table.add(model, rows[row]?.task, scoreOf(dataset, row, model)));

  let evidence = table.snapshot();
  const steps = stream.map((row, index): Step => {
    if (learning !== 'none' && index % JOBS_PER_LOOK === 0) evidence = table.snapshot();
    const columnOf = (model: number): number =>
      event === 'drift' && index >= half ? (swap.get(model) ?? model) : model;
    const isOut = (model: number): boolean =>
      event === 'outage' && model === swap.best && index >= half && index < outageEnds;
    const chain = chainFor(router, rows[row], { evidence, random });
    const model = chain.find((candidate) => !isOut(candidate));
    const means = truth(rows[row]?.task);
    if (model === undefined) return { score: 0, regret: Math.max(...means), failedFirst: true, isServed: false };
    const score = scoreOf(dataset, row, columnOf(model));
    table.add(model, rows[row]?.task, score);
    const regret = Math.max(...means) - (means[columnOf(model)] as number);
    return { score, regret, failedFirst: model !== chain[0], isServed: true };
  });
  return { steps, half, outageEnds };
}

/** Places in `aliases` of the route's models, best first. */
function chainFor(
  router: Router,
  row: Dataset['rows'][number] | undefined,
  known: Pick<Knowledge, 'random'> & { evidence: Evidence },
): number[] {
  const { id = '', prompt = '', task } = row ?? {};
  const question = router.question({ prompt, ...(task !== undefined && { task }) }, { jobId: id });
  const route = router.route(question, { now: 0, latencies: NO_LATENCIES, benchedUntil: NONE_BENCHED, ...known });
  return route.chain.map(({ model }) => Number(model.alias.slice(1)));
}

const NO_LATENCIES: Knowledge['latencies'] = new Map();
const NONE_BENCHED: Knowledge['benchedUntil'] = new Map();

/** The evidence as it grows, and as it is looked at from time to time. */
class EvidenceTable {
  readonly #cells: Record<string, Evidence['models'][string]> = {};
  #version = 0;

  add(model: number, task = '', score: number): void {
    if (Number.isNaN(score)) return;
    const byTask = (this.#cells[`m${model}`] ??= {});
    byTask[task] = { score: withFigure(byTask[task]?.score, score, DECAY) };
    this.#version += 1;
  }

  snapshot(): Evidence {
    const models = Object.entries(this.#cells).map(([model, byTask]) => [model, { ...byTask }] as const);
    return { ...NO_EVIDENCE, version: this.#version, models: Object.fromEntries(models) };
  }
}

/** The best answers count alone: prices are alike. */
function configOf({ aliases, rows }: Dataset, exploration: number): Config {
  const tasks = new Set(rows.map(({ task }) => task).filter((task) => task !== undefined));
  return Config.parse({
    providers: { recorded: { base_url: 'https://recorded.test/v1' } },
    models: Object.fromEntries(
      aliases.map((alias, model) => [`m${model}`, { provider: 'recorded', id: alias, price: { input: 1, output: 1 } }]),
    ),
    tasks: Object.fromEntries([...tasks].map((task) => [task, {}])),
    routing: { strategy: 'task', exploration },
  });
}

function scoreOf({ aliases, outcomes }: Dataset, row: number, model: number): number {
  return outcomes.scores[row * aliases.length + model] as number;
}

/** The best model and the worst one, which take each other's place. */
function swapOf(dataset: Dataset): Map<number, number> & { best: number } {
  const { scores } = meansOf(dataset, dataset, [...dataset.rows.keys()]);
  const best = largestAt(scores);
  const worst = largestAt(scores.map((score) => -score));
  return Object.assign(
    new Map([
      [best, worst],
      [worst, best],
    ]),
    { best },
  );
}

/** Mean scores by task over all rows: the best that a choice by task can know. */
function truthOf(dataset: Dataset): (task: string | undefined) => Float64Array {
  const byTask = Map.groupBy(dataset.rows.keys(), (row) => dataset.rows[row]?.task);
  const means = new Map([...byTask].map(([task, rows]) => [task, meansOf(dataset, dataset, rows).scores]));
  return (task) => means.get(task) as Float64Array;
}

/** mulberry32: uniform in [0, 1), the same for the same seed. */
function randomOf(seed: number): () => number {
  let state = seed + 1;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function averageOf(runs: readonly Run[], event: Event): Omit<StreamFigures, 'event' | 'learning'> {
  const mean = (pick: (run: Run) => number): number => meanOf(runs.map(pick));
  const meanIn = (field: 'score' | 'regret', part: (run: Run) => readonly Step[]): number =>
    mean((run) => meanOf(part(run).map((step) => step[field])));
  const before = ({ steps, half }: Run): readonly Step[] => steps.slice(0, half);
  const after = ({ steps, half }: Run): readonly Step[] => steps.slice(half);
  const during = ({ steps, half, outageEnds }: Run): readonly Step[] => steps.slice(half, outageEnds);
  const recoveries = percentileOf(runs.map(recoveryOf), 0.5);
  return {
    before: meanIn('score', before),
    after: meanIn('score', after),
    regretBefore: meanIn('regret', before),
    regretAfter: meanIn('regret', after),
    ...(event === 'drift' && { recoveredAfter: Number.isFinite(recoveries) ? recoveries : null }),
    ...(event === 'outage' && { during: meanIn('score', during), saved: mean(savedShare) }),
  };
}

/** Jobs after half time until it is near for good; infinite where it is not at the end. */
function recoveryOf({ steps, half }: Run): number {
  const regrets = steps.map(({ regret }) => regret);
  const usual = meanOf(regrets.slice(0, half));
  const isNear = (end: number): boolean => meanOf(regrets.slice(end - WINDOW_JOBS, end)) <= usual + NEAR;
  let end = regrets.length;
  if (!isNear(end)) return Infinity;
  while (end > half && isNear(end)) end -= 1;
  return end - half;
}

function savedShare({ steps }: Run): number {
  const failed = steps.filter(({ failedFirst }) => failedFirst);
  return failed.length === 0 ? 1 : failed.filter(({ isServed }) => isServed).length / failed.length;
}
