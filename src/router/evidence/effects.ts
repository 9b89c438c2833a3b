/**
 * Scores of models at tasks, as a two-way random-effects model:
 *
 *     score(model, task) = mu(task) + a(model) + b(model, task) + noise,   a ~ N(0, A), b ~ N(0, B)
 *
 * A cell with many scores keeps its own mean. One with few is drawn towards what the task and the model's scores at other
 * tasks suggest, by how much cells of this table are seen to differ: nothing is set by hand. (Best linear unbiased
 * prediction, Henderson 1975, with variances by expectation-maximisation; the empirical Bayes of a league table.)
 */
export type Effects = {
  /** Posterior mean and standard deviation by task (rows of the table) and model. */
  mean: Float64Array[];
  sd: Float64Array[];
  /**
   * Why two cells of one model are not independent: the error of `a`, of variance `modelVariance`, goes into each with
   * the part that it does not know by itself; what is left is its own.
   */
  modelVariance: Float64Array;
  modelPart: Float64Array[];
  ownVariance: Float64Array[];
  /** For a task that was never seen: mean and standard deviation by model. */
  unseen: { mean: Float64Array; sd: Float64Array };
};

/** What was seen in one cell; `n` is 0 for nothing. */
export type SeenCell = { n: number; sum: number; squares: number };

const MOST_ROUNDS = 100;
/** How much the variances may still move: far less than anything that they decide. */
const CONVERGED = 1e-3;
/**
 * How far models differ, and the cells of one model beyond that, as if so many more had been seen: of two models that look
 * alike nobody can say that models are alike.
 */
const VARIANCE_PRIOR = { weight: 4, between: 0.02, within: 0.02 };
/** The noise of a task is drawn towards that of a coin (0.25), as if so many scores of one had been seen. */
const NOISE_PRIOR = { scores: 2, variance: 0.05 };

/** Fits the table; `cells[task][model]`. Without any score every mean is NaN. */
export function fitEffects(cells: readonly (readonly SeenCell[])[]): Effects {
  const models = cells[0]?.length ?? 0;
  const table = new EffectsTable(cells, models);
  for (let round = 0; round < MOST_ROUNDS; round += 1) if (table.improve() < CONVERGED) break;
  return table.effects();
}

/** One fit under way: the estimates of all effects, improved in turn. */
class EffectsTable {
  readonly #cells: readonly (readonly SeenCell[])[];
  readonly #models: number;
  /** Variance of the mean of each cell; infinite where nothing was seen. */
  readonly #error: Float64Array[];
  readonly #means: Float64Array[];
  readonly #task: Float64Array;
  readonly #model: Float64Array;
  readonly #modelVariance: Float64Array;
  #between = VARIANCE_PRIOR.between;
  #within = VARIANCE_PRIOR.within;

  constructor(cells: readonly (readonly SeenCell[])[], models: number) {
    this.#cells = cells;
    this.#models = models;
    this.#means = cells.map((row) => Float64Array.from(row, ({ n, sum }) => (n > 0 ? sum / n : 0)));
    this.#error = cells.map((row) => {
      const noise = noiseOf(row);
      return Float64Array.from(row, ({ n }) => (n > 0 ? noise / n : Infinity));
    });
    this.#task = Float64Array.from(cells, meanOf);
    const known = this.#task.filter((mean) => !Number.isNaN(mean));
    const overall = known.reduce((sum, mean) => sum + mean, 0) / known.length;
    for (const [task, mean] of this.#task.entries()) if (Number.isNaN(mean)) this.#task[task] = overall;
    this.#model = new Float64Array(models);
    this.#modelVariance = new Float64Array(models);
  }

  /** One round; returns by how much the variances have changed, relatively. */
  improve(): number {
    const before = [this.#between, this.#within] as const;
    let betweenSum = 0;
    let withinSum = 0;
    let seen = 0;
    for (let model = 0; model < this.#models; model += 1) {
      this.#estimateModel(model);
      betweenSum += (this.#model[model] as number) ** 2 + (this.#modelVariance[model] as number);
      for (let task = 0; task < this.#cells.length; task += 1) {
        if (this.#errorAt(task, model) === Infinity) continue;
        const { own, variance, part } = this.#estimateOwn(task, model);
        withinSum += own ** 2 + variance + (1 - part) ** 2 * (this.#modelVariance[model] as number);
        seen += 1;
      }
    }
    if (seen === 0) return 0;
    const { weight, between, within } = VARIANCE_PRIOR;
    this.#between = (betweenSum + weight * between) / (this.#models + weight);
    this.#within = (withinSum + weight * within) / (seen + weight);
    for (let task = 0; task < this.#cells.length; task += 1) this.#estimateTask(task);
    return Math.max(Math.abs(this.#between / before[0] - 1), Math.abs(this.#within / before[1] - 1));
  }

  effects(): Effects {
    const { length } = this.#cells;
    const matrix = (): Float64Array[] => Array.from({ length }, () => new Float64Array(this.#models));
    const [mean, sd, modelPart, ownVariance] = [matrix(), matrix(), matrix(), matrix()];
    const unseen = { mean: new Float64Array(this.#models), sd: new Float64Array(this.#models) };
    const typical = this.#task.reduce((sum, value) => sum + value, 0) / length;
    for (let model = 0; model < this.#models; model += 1) {
      this.#estimateModel(model);
      const variance = this.#modelVariance[model] as number;
      unseen.mean[model] = asScore(typical + (this.#model[model] as number));
      unseen.sd[model] = Math.sqrt(variance + this.#within);
      for (let task = 0; task < length; task += 1) {
        const cell = this.#estimateOwn(task, model);
        (mean[task] as Float64Array)[model] = asScore(
          (this.#task[task] as number) + (this.#model[model] as number) + cell.own,
        );
        (modelPart[task] as Float64Array)[model] = cell.part;
        (ownVariance[task] as Float64Array)[model] = cell.variance;
        (sd[task] as Float64Array)[model] = Math.sqrt(cell.variance + cell.part ** 2 * variance);
      }
    }
    return { mean, sd, modelVariance: this.#modelVariance, modelPart, ownVariance, unseen };
  }

  /** How much better the model is than the tasks it was seen at suggest, whatever the task. */
  #estimateModel(model: number): void {
    let weights = 0;
    let sum = 0;
    for (let task = 0; task < this.#cells.length; task += 1) {
      const weight = 1 / (this.#within + this.#errorAt(task, model));
      weights += weight;
      if (weight > 0) sum += weight * (this.#meanAt(task, model) - (this.#task[task] as number));
    }
    const variance = 1 / (1 / this.#between + weights);
    this.#modelVariance[model] = variance;
    this.#model[model] = variance * sum;
  }

  /** What is the model's own at this task; `part` is how much of the error of the model's effect stays in the cell. */
  #estimateOwn(task: number, model: number): { own: number; variance: number; part: number } {
    const precision = 1 / this.#errorAt(task, model);
    const variance = 1 / (1 / this.#within + precision);
    const trust = variance * precision;
    const rest = this.#meanAt(task, model) - (this.#task[task] as number) - (this.#model[model] as number);
    const own = trust > 0 ? trust * rest : 0;
    return { own, variance, part: 1 - trust };
  }

  #estimateTask(task: number): void {
    let weights = 0;
    let sum = 0;
    for (let model = 0; model < this.#models; model += 1) {
      const weight = 1 / (this.#within + this.#errorAt(task, model));
      weights += weight;
      if (weight > 0) sum += weight * (this.#meanAt(task, model) - (this.#model[model] as number));
    }
    if (weights > 0) this.#task[task] = sum / weights;
  }

  #meanAt(task: number, model: number): number {
    return (this.#means[task] as Float64Array)[model] as number;
  }

  #errorAt(task: number, model: number): number {
    return (this.#error[task] as Float64Array)[model] as number;
  }
}

function meanOf(row: readonly SeenCell[]): number {
  const n = row.reduce((total, cell) => total + cell.n, 0);
  return row.reduce((total, cell) => total + cell.sum, 0) / n;
}

/** The variance of one score around the mean of its cell, the same for all models of a task. */
function noiseOf(row: readonly SeenCell[]): number {
  let within = NOISE_PRIOR.scores * NOISE_PRIOR.variance;
  let freedom = NOISE_PRIOR.scores;
  for (const { n, sum, squares } of row) {
    if (n <= 1) continue;
    within += Math.max(0, squares - (sum * sum) / n);
    freedom += n - 1;
  }
  return within / freedom;
}

function asScore(value: number): number {
  return Math.min(1, Math.max(0, value));
}
