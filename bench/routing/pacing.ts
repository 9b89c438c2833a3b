import { Config } from '../../src/domain/config.ts';
import { costPressure } from '../../src/domain/pacing.ts';
import { seededRandom } from '../../src/domain/seeded-random.ts';
import { createRouter, type Knowledge, type Route, type RouteQuestion } from '../../src/router/index.ts';

/**
 * What pacing makes of a budget for a window (`budgets.NAME.pace`): made-up models and prices, jobs of three kinds, most of
 * which come early, and a budget of 100 that the unpaced router spends long before the window is over. Every decision is
 * the router's own. `node bench/routing/pacing.ts` prints the figures.
 */

const BUDGET_USD = 100;
/** The window in steps, in which so many jobs come altogether. */
const STEPS = 480;
const JOBS = 14_000;
/** Of all jobs this part comes in the first third of the window. */
const EARLY_SHARE = 0.6;

export type PacingRun = {
  /** Part of the window in which every job was served. */
  serviceShare: number;
  servedShare: number;
  spentUsd: number;
  /** Of those that were served. */
  meanScore: number;
  /** A job that was turned away scores nothing. */
  meanScoreOfAll: number;
};

export type PacingFigures = {
  unpaced: PacingRun;
  paced: PacingRun;
  /** The one pressure that, had it been known from the start, would have spent the budget to the end. */
  hindsight: PacingRun & { pressure: number };
};

type Pressure = (spentShare: number, elapsedShare: number) => number;

export function benchPacing(seed = 'pacing', pace: Pressure = costPressure): PacingFigures {
  const run = (pressure: Pressure): PacingRun => spendWindow(seed, pressure);
  const hindsight = leastPressureThatLasts((pressure) => run(() => pressure));
  return { unpaced: run(() => 1), paced: run(pace), hindsight: { pressure: hindsight, ...run(() => hindsight) } };
}

/** By halves, on a logarithmic scale. */
function leastPressureThatLasts(run: (pressure: number) => PacingRun): number {
  let tooLittle = 1 / 4;
  let enough = 16;
  for (let step = 0; step < 12; step += 1) {
    const middle = Math.sqrt(tooLittle * enough);
    if (run(middle).servedShare === 1) enough = middle;
    else tooLittle = middle;
  }
  return enough;
}

/** USD per million tokens, and scores by kind of job. */
const MODELS = {
  tiny: { price: { input: 0.1, output: 0.4 }, scores: { easy: 0.93, middling: 0.61, hard: 0.34 } },
  small: { price: { input: 0.4, output: 1.6 }, scores: { easy: 0.95, middling: 0.74, hard: 0.47 } },
  medium: { price: { input: 1.2, output: 5 }, scores: { easy: 0.96, middling: 0.82, hard: 0.6 } },
  large: { price: { input: 3, output: 15 }, scores: { easy: 0.96, middling: 0.86, hard: 0.7 } },
  huge: { price: { input: 12, output: 60 }, scores: { easy: 0.97, middling: 0.88, hard: 0.76 } },
} as const;

const TASKS = ['easy', 'middling', 'hard'] as const;

function configOf(): Config {
  const models = Object.entries(MODELS).map(([alias, model]) => [alias, { ...model, provider: 'sim', id: alias }]);
  return Config.parse({
    providers: { sim: { base_url: 'https://sim.test/v1' } },
    models: Object.fromEntries(models),
    tasks: Object.fromEntries(TASKS.map((task) => [task, {}])),
  });
}

function spendWindow(seed: string, pressure: Pressure): PacingRun {
  const random = seededRandom(seed);
  const decide = createDecider();
  let spentUsd = 0;
  let [jobs, served, score, stepsServed] = [0, 0, 0, 0];
  for (let step = 0; step < STEPS; step += 1) {
    // As in a pool, which looks at the purse once in a while.
    const costPressure = pressure(spentUsd / BUDGET_USD, step / STEPS);
    const arrivals = arrivalsAt(step, random);
    let turnedAway = 0;
    for (let job = 0; job < arrivals; job += 1) {
      const route = decide(drawQuestion(random), costPressure);
      const choice = route.chain.find(({ predicted }) => spentUsd + predicted.costNanos / 1e9 <= BUDGET_USD);
      if (choice === undefined) turnedAway += 1;
      spentUsd += (choice?.predicted.costNanos ?? 0) / 1e9;
      score += choice?.predicted.score ?? 0;
    }
    jobs += arrivals;
    served += arrivals - turnedAway;
    if (turnedAway === 0) stepsServed += 1;
  }
  return {
    serviceShare: stepsServed / STEPS,
    servedShare: served / jobs,
    spentUsd,
    meanScore: score / served,
    meanScoreOfAll: score / jobs,
  };
}

function createDecider(): (question: RouteQuestion, costPressure: number) => Route {
  const router = createRouter(configOf());
  const knowledge: Knowledge = { now: 0, random: () => 0.5, latencies: new Map(), benchedUntil: new Map() };
  return (question, costPressure) => router.route(question, { ...knowledge, costPressure });
}

function arrivalsAt(step: number, random: () => number): number {
  const isEarly = step < STEPS / 3;
  const mean = ((isEarly ? EARLY_SHARE * 3 : (1 - EARLY_SHARE) * 1.5) * JOBS) / STEPS;
  return Math.round(mean * (0.5 + random()));
}

function drawQuestion(random: () => number): RouteQuestion {
  const inputTokens = Math.round(200 + 1_800 * random() ** 2);
  return {
    task: TASKS[Math.floor(random() * TASKS.length)] ?? 'easy',
    needs: [],
    features: [],
    inputTokens: { expected: inputTokens, bound: inputTokens },
    maxTokens: 400,
    unit: '',
    tried: [],
  };
}

if (import.meta.main) console.log(JSON.stringify(benchPacing(), null, 2));
