import { hash } from 'node:crypto';
import type { Config, ExperimentConfig } from '../domain/config.ts';
import type { Strategy } from '../domain/job.ts';
import { type Columns, type Places, placesOf } from './columns.ts';
import type { RouteQuestion } from './question.ts';
import type { Weights } from './strategies/index.ts';

/** What an experiment changes for those who are assigned to this variant. */
export type Variant = {
  /** `experiment:variant`. */
  label: string;
  weight: number;
  models?: Places;
  strategy?: Strategy;
  weights?: Weights;
};

export type Experiment = {
  /** Undefined covers every task, and jobs without one. */
  tasks: ReadonlySet<string> | undefined;
  /** Hashed with the unit. With a salt that only the operator knows nobody can choose an id for the sake of a variant. */
  salt: string;
  variants: readonly Variant[];
  totalWeight: number;
  choosesModels: boolean;
};

export function compileExperiments(experiments: Config['experiments'], columns: Columns): readonly Experiment[] {
  return Object.entries(experiments).map(([name, experiment]) => compileExperiment(name, experiment, columns));
}

function compileExperiment(name: string, experiment: ExperimentConfig, columns: Columns): Experiment {
  const variants = Object.entries(experiment.variants).map(([variantName, variant]): Variant => {
    const { weight, models, strategy, weights } = variant;
    return {
      label: `${name}:${variantName}`,
      weight,
      ...(models !== undefined && { models: placesOf(columns, models) }),
      ...(strategy !== undefined && { strategy }),
      ...(weights !== undefined && { weights }),
    };
  });
  return {
    tasks: experiment.tasks && new Set(experiment.tasks),
    salt: `${name}\0${experiment.salt}\0`,
    variants,
    totalWeight: variants.reduce((sum, variant) => sum + variant.weight, 0),
    choosesModels: variants.some((variant) => variant.models !== undefined),
  };
}

/** The variant of the first experiment that covers the job. The same unit gets the same variant, on every worker. */
export function assignVariant(experiments: readonly Experiment[], question: RouteQuestion): Variant | undefined {
  const experiment = experiments.find((each) => covers(each, question));
  if (experiment === undefined) return undefined;
  let rest = unitInterval(experiment.salt + question.unit) * experiment.totalWeight;
  for (const variant of experiment.variants) {
    rest -= variant.weight;
    if (rest < 0) return variant;
  }
  return experiment.variants.findLast((variant) => variant.weight > 0);
}

/**
 * A job that pins one model leaves nothing to compare. One that names several still can be under another strategy, but
 * not under other models: counted for a variant whose models it does not use, it would blur the result.
 */
function covers(experiment: Experiment, { task, models }: RouteQuestion): boolean {
  if (experiment.tasks !== undefined && (task === null || !experiment.tasks.has(task))) return false;
  return models === undefined || (models.length > 1 && !experiment.choosesModels);
}

/** A number in [0, 1), evenly spread: the first 48 bits of SHA-256, which are 12 hexadecimal digits. */
function unitInterval(text: string): number {
  return Number.parseInt(hash('sha256', text).slice(0, 12), 16) / 2 ** 48;
}
