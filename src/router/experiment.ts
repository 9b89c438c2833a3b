import { hash } from 'node:crypto';
import type { Config, ExperimentConfig } from '../domain/config.ts';
import { type ExperimentPart, partsOf } from '../domain/experiment-part.ts';
import type { Strategy } from '../domain/job.ts';
import { type Columns, type Places, placesOf } from './columns.ts';
import type { Knowledge } from './predict.ts';
import type { RouteQuestion } from './question.ts';
import type { Weights } from './strategies/index.ts';

/** What a variant changes for those who are assigned to it. */
export type VariantSettings = {
  models?: Places;
  strategy?: Strategy;
  weights?: Weights;
};

export type Variant = {
  name: string;
  /** `experiment:variant`. */
  label: string;
  weight: number;
  settings: VariantSettings;
};

/** How a job is to be routed for the sake of experiments; with a label when it is counted for a variant. */
export type Assignment = VariantSettings & { label?: string };

export type Experiment = {
  name: string;
  /** Undefined covers every task, and jobs without one. */
  tasks: ReadonlySet<string> | undefined;
  /** Hashed with the unit. With a salt that only the operator knows nobody can choose an id for the sake of a variant. */
  salt: string;
  /** Undefined when all take part. */
  part: ExperimentPart | undefined;
  variants: readonly Variant[];
  totalWeight: number;
  choosesModels: boolean;
};

export function compileExperiments(experiments: Config['experiments'], columns: Columns): readonly Experiment[] {
  const parts = partsOf(experiments);
  return Object.entries(experiments).map(([name, experiment]) =>
    compileExperiment(name, experiment, parts.get(name), columns),
  );
}

function compileExperiment(
  name: string,
  experiment: ExperimentConfig,
  part: ExperimentPart | undefined,
  columns: Columns,
): Experiment {
  const variants = Object.entries(experiment.variants).map(([variantName, variant]): Variant => {
    const { weight, models, strategy, weights } = variant;
    return {
      name: variantName,
      label: `${name}:${variantName}`,
      weight,
      settings: {
        ...(models !== undefined && { models: placesOf(columns, models) }),
        ...(strategy !== undefined && { strategy }),
        ...(weights !== undefined && { weights }),
      },
    };
  });
  return {
    name,
    tasks: experiment.tasks && new Set(experiment.tasks),
    salt: `${name}\0${experiment.salt}\0`,
    part,
    variants,
    totalWeight: variants.reduce((sum, variant) => sum + variant.weight, 0),
    choosesModels: variants.some(({ settings }) => settings.models !== undefined),
  };
}

/**
 * The variant of the first running experiment that the job takes part in: the same for the same unit, on every worker.
 * What that leaves open is as in the variant that was promoted by the first such experiment that covers the job.
 */
export function assignVariant(
  experiments: readonly Experiment[],
  question: RouteQuestion,
  { stoppedExperiments, promotedVariants }: Pick<Knowledge, 'stoppedExperiments' | 'promotedVariants'>,
): Assignment | undefined {
  let assigned: Variant | undefined;
  let promoted: Variant | undefined;
  for (const experiment of experiments) {
    if (!covers(experiment, question)) continue;
    const promotion = promotedVariants?.get(experiment.name);
    if (promotion !== undefined) promoted ??= experiment.variants.find(({ name }) => name === promotion);
    else if (!stoppedExperiments?.has(experiment.name)) assigned ??= variantOf(experiment, question.unit);
  }
  if (assigned === undefined) return promoted?.settings;
  return { ...promoted?.settings, ...assigned.settings, label: assigned.label };
}

/**
 * A job that pins one model leaves nothing to compare. One that names several still can be under another strategy, but
 * not under other models: counted for a variant whose models it does not use, it would blur the result.
 */
function covers(experiment: Experiment, { task, models }: RouteQuestion): boolean {
  if (experiment.tasks !== undefined && (task === null || !experiment.tasks.has(task))) return false;
  return models === undefined || (models.length > 1 && !experiment.choosesModels);
}

/** Undefined for a unit that takes no part. */
function variantOf({ part, salt, variants, totalWeight }: Experiment, unit: string): Variant | undefined {
  const digest = hash('sha256', salt + unit);
  if (part !== undefined) {
    // By other digits than the variant: so a share that grows takes in more units and moves none to another variant.
    const place =
      part.group === undefined ? unitInterval(digest, 1) : unitInterval(hash('sha256', `${part.group}\0\0${unit}`), 0);
    if (place < part.from || place >= part.to) return undefined;
  }
  let rest = unitInterval(digest, 0) * totalWeight;
  for (const variant of variants) {
    rest -= variant.weight;
    if (rest < 0) return variant;
  }
  return variants.findLast((variant) => variant.weight > 0);
}

/** A number in [0, 1), evenly spread: of a digest the first 48 bits, which are 12 hexadecimal digits, or the next. */
function unitInterval(digest: string, which: 0 | 1): number {
  return Number.parseInt(digest.slice(12 * which, 12 * which + 12), 16) / 2 ** 48;
}
