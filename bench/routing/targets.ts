import type { CatalogueTimes } from './catalogue.ts';
import type { ExperimentFigures } from './experiments.ts';
import type { DatasetSummary } from './summary.ts';

/** Figures to beat, of the data sets that they were measured on; data sets of other names have none. */

export type Standing = {
  what: string;
  toBeat: number;
  here: number;
  /** Whether less is better. */
  isLess?: boolean;
  digits?: number;
};

export function isMet({ toBeat, here, isLess = false }: Standing): boolean {
  return isLess ? here <= toBeat : here >= toBeat;
}

type Target = Omit<Standing, 'here'> & { pick: (summary: DatasetSummary) => number | null | undefined };

const TARGETS: Record<string, readonly Target[]> = {
  'llmrouter-14task': [
    { what: '14 tasks, accuracy', toBeat: 0.66, pick: ({ methods }) => methods.router?.accuracy },
    { what: '14 tasks, cost saved by the guard', toBeat: 0.77, pick: ({ methods }) => methods.router?.guarded?.saved },
    {
      what: '14 tasks, cost saved by the guard, dev too',
      toBeat: 0.77,
      pick: ({ methods }) => methods['router, dev too']?.guarded?.saved,
    },
    {
      what: '14 tasks, splits within a point, guard, dev too',
      toBeat: 0.9,
      pick: ({ methods }) => methods['router, dev too']?.guarded?.near,
    },
    {
      what: '14 tasks, splits within a point, guard',
      toBeat: 0.9,
      pick: ({ methods }) => methods.router?.guarded?.near,
    },
    { what: '14 tasks, cost saved, tuned on dev', toBeat: 0.77, pick: ({ methods }) => methods.router?.tuned?.saved },
    { what: '14 tasks, splits within a point, tuned', toBeat: 0.9, pick: ({ methods }) => methods.router?.tuned?.near },
    {
      what: '14 tasks, accuracy without the task',
      toBeat: 0.648,
      pick: ({ methods }) => methods['router, no task']?.accuracy,
    },
  ],
  'bfcl-2024-08': [
    { what: 'function calling, AIQ', toBeat: 0.923, pick: ({ methods }) => methods.router?.aiq },
    {
      what: 'function calling, splits within a point, guard',
      toBeat: 0.9,
      pick: ({ methods }) => methods.router?.guarded?.near,
    },
    {
      what: 'function calling, splits within a point, guard, dev too',
      toBeat: 0.9,
      pick: ({ methods }) => methods['router, dev too']?.guarded?.near,
    },
    {
      what: 'function calling, splits within a point, tuned',
      toBeat: 0.9,
      pick: ({ methods }) => methods.router?.tuned?.near,
    },
  ],
  'routerbench-subset': [
    {
      what: 'three sets with recorded dollars, cost saved by the guard',
      toBeat: 0.08,
      pick: ({ methods }) => methods.router?.guarded?.saved,
    },
  ],
  'routellm-2model': [
    { what: 'two models, MMLU, APGR', toBeat: 0.699, pick: ({ calls }) => calls['mmlu']?.router?.apgr },
    {
      what: 'two models, MMLU, CPT50',
      toBeat: 0.26,
      isLess: true,
      pick: ({ calls }) => calls['mmlu']?.router?.cpt50,
    },
    {
      what: 'two models, MMLU, CPT80',
      toBeat: 0.54,
      isLess: true,
      pick: ({ calls }) => calls['mmlu']?.router?.cpt80,
    },
    { what: 'two models, GSM8K, APGR', toBeat: 0.564, pick: ({ calls }) => calls['gsm8k']?.router?.apgr },
  ],
};

export function standingsOf(
  datasets: readonly DatasetSummary[],
  catalogue: CatalogueTimes,
  experiments: Readonly<Record<string, ExperimentFigures>>,
): Standing[] {
  return [
    ...datasets.flatMap((summary) =>
      (TARGETS[summary.name] ?? []).map(({ pick, ...target }) => ({ ...target, here: pick(summary) ?? Number.NaN })),
    ),
    {
      what: '400 models, decision p99, microseconds',
      toBeat: 100,
      here: catalogue.withTask.p99Us,
      isLess: true,
      digits: 0,
    },
    ...Object.values(experiments).flatMap(({ difference, none }): Standing[] => [
      { what: 'experiment, samples an arm', toBeat: 32, here: difference.medianAnArm, isLess: true, digits: 0 },
      { what: 'experiment, wrong directions', toBeat: 0, here: difference.wrong, isLess: true, digits: 0 },
      { what: 'experiment, found where there is nothing', toBeat: none.alpha, here: none.found, isLess: true },
    ]),
  ];
}
