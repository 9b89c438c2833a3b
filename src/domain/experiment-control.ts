import { z } from 'zod';
import { Name } from './name.ts';

/** What an operator has said of an experiment, beside the configuration. Times are epoch milliseconds. */
export const ExperimentOrder = z.discriminatedUnion('state', [
  /** Nobody is assigned to it any more. */
  z.strictObject({ state: z.literal('stopped'), at: z.int() }),
  /** All its jobs have the settings of this variant, and none is counted. */
  z.strictObject({ state: z.literal('promoted'), variant: Name, at: z.int() }),
]);
export type ExperimentOrder = z.infer<typeof ExperimentOrder>;

/** The same, as the router reads it: by the names of experiments. Never changed, only replaced. */
export type ExperimentControl = {
  stoppedExperiments: ReadonlySet<string>;
  /** Experiment -> variant. */
  promotedVariants: ReadonlyMap<string, string>;
};

export const NO_CONTROL: ExperimentControl = { stoppedExperiments: new Set(), promotedVariants: new Map() };

export function controlOf(orders: ReadonlyMap<string, ExperimentOrder>): ExperimentControl {
  const entries = [...orders];
  return {
    stoppedExperiments: new Set(entries.flatMap(([name, { state }]) => (state === 'stopped' ? [name] : []))),
    promotedVariants: new Map(
      entries.flatMap(([name, order]) => (order.state === 'promoted' ? [[name, order.variant] as const] : [])),
    ),
  };
}
