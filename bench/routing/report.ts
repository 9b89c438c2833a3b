import type { CatalogueTimes } from './catalogue.ts';
import type { CeilingFigures } from './ceilings.ts';
import type { ExperimentFigures } from './experiments.ts';
import type { DatasetSummary, MethodSummary, SavingSummary } from './summary.ts';
import type { DecisionTimes } from './timing.ts';
import { NOTHING, percent, plain, share, signed, type Table } from './tables.ts';
import { isMet, type Standing } from './targets.ts';

/** The figures as tables. */

export type Report = {
  datasets: DatasetSummary[];
  catalogue: CatalogueTimes;
  experiments: Record<string, ExperimentFigures>;
  targets: Standing[];
};

export const LEGEND =
  'gap: part of the way from the best single model (chosen on the training rows) to the oracle. guard saves: cost saved ' +
  'against that model by objective cost, which is decided from the training rows alone; dev saves: by the answer value ' +
  'that is cheapest on the dev rows at not less than its accuracy there. change: in accuracy on the test rows. near: ' +
  'share of the splits where it is not below -.01.';

export function tablesOf({ datasets, catalogue, experiments, targets }: Report): Table[] {
  return [
    ...datasets.flatMap(datasetTables),
    timesTable(datasets, catalogue),
    ...Object.entries(experiments).map(([name, figures]) => experimentTable(name, figures)),
    ...(targets.length > 0 ? [targetTable(targets)] : []),
  ];
}

function datasetTables(summary: DatasetSummary): Table[] {
  const { name, rows, models, splits } = summary;
  return [
    {
      title: `${name}: ${rows} rows, ${models} models, ${splits} splits`,
      ...methodTable(summary, summary.methods),
    },
    {
      title: `${name}, 50 training rows of every third model`,
      ...methodTable(summary, summary.thin.methods),
      note: thinNote(summary),
    },
    ...Object.entries(summary.calls).map(([group, methods]) => callTable(`${name}, ${group}`, methods)),
    ...(summary.ceilings.length > 0 ? [ceilingTable(summary)] : []),
    streamTable(summary),
  ];
}

function methodTable({ cost }: DatasetSummary, methods: DatasetSummary['methods']): Pick<Table, 'columns' | 'rows'> {
  const price = cost === 'usd' ? '$/1k' : 'strong';
  return {
    columns: [
      'method',
      'accuracy',
      price,
      'AIQ',
      'gap',
      'guard saves',
      'change (sd)',
      'near',
      'dev saves',
      'change (sd)',
      'near',
    ],
    rows: Object.entries(methods).map(([method, figures]) => [
      method,
      share(figures.accuracy),
      priceOf(figures, cost),
      share(figures.aiq),
      percent(figures.gapClosed),
      ...savingCells(figures.guarded),
      ...savingCells(figures.tuned),
    ]),
  };
}

function priceOf({ costPerThousand }: MethodSummary, cost: DatasetSummary['cost']): string {
  if (cost === 'none') return NOTHING;
  return cost === 'usd' ? plain(costPerThousand, 3) : percent(costPerThousand);
}

function savingCells(saving: SavingSummary | null): string[] {
  if (saving === null) return [NOTHING, NOTHING, NOTHING];
  const { saved, delta, deltaDeviation, near } = saving;
  return [percent(saved, 1), `${signed(delta)} (${share(deltaDeviation)})`, percent(near)];
}

function thinNote({ thin: { quality, cost } }: DatasetSummary): string {
  const words = (choices: typeof quality): string =>
    `${percent(choices.share, 1)} of the choices, their answers score ${signed(choices.delta)} against the best single model's`;
  return `A model of which little is known is chosen for quality: ${words(quality)}; for cost: ${words(cost)}.`;
}

function callTable(title: string, methods: DatasetSummary['calls'][string]): Table {
  return {
    title: `${title}: calls of the strong model`,
    columns: ['method', 'APGR', 'CPT50', 'CPT80'],
    rows: Object.entries(methods).map(([method, { apgr, cpt50, cpt80 }]) => [
      method,
      share(apgr),
      percent(cpt50, 1),
      percent(cpt80, 1),
    ]),
  };
}

function ceilingTable({ name, ceilings }: DatasetSummary): Table {
  const costs = [...new Set(ceilings.map((one) => one.maxCostPerThousandUsd))];
  const latencies = [...new Set(ceilings.map((one) => one.maxLatencyMs))];
  const expected = Math.max(...ceilings.map((one) => one.predictedViolations));
  return {
    title: `${name}: accuracy, share of the jobs that a model may serve (calls that broke the limit on cost, on latency)`,
    columns: ['latency p95', ...costs.map((cost) => (cost === null ? 'any cost' : `$${cost}/1k`))],
    rows: latencies.map((latency) => [
      latency === null ? 'any' : `${latency / 1_000} s`,
      ...costs.map((cost) =>
        ceilingCell(ceilings.find((one) => one.maxCostPerThousandUsd === cost && one.maxLatencyMs === latency)),
      ),
    ]),
    note: `Choices that were expected to break a limit: ${percent(expected, 1)}.`,
  };
}

function ceilingCell(figures: CeilingFigures | undefined): string {
  if (figures === undefined) return NOTHING;
  const broken = `(${percent(figures.costViolations, 1)}, ${percent(figures.latencyViolations, 1)})`;
  return `${share(figures.accuracy)} ${percent(figures.served)} ${broken}`;
}

function streamTable({ name, stream }: DatasetSummary): Table {
  return {
    title: `${name}: a stream of jobs, something happens at half time`,
    columns: [
      'event, learning',
      'before',
      'after',
      'during',
      'regret before',
      'regret after',
      'jobs to recover',
      'saved',
    ],
    rows: stream.map((figures) => [
      `${figures.event}, ${figures.learning}`,
      share(figures.before),
      share(figures.after),
      share(figures.during),
      share(figures.regretBefore, 4),
      share(figures.regretAfter, 4),
      figures.recoveredAfter === null ? 'never' : plain(figures.recoveredAfter, 0),
      percent(figures.saved),
    ]),
  };
}

function timesTable(datasets: readonly DatasetSummary[], catalogue: CatalogueTimes): Table {
  const none = [NOTHING, NOTHING];
  return {
    title: 'One decision, in microseconds',
    columns: ['models', 'task p50', 'p99', 'no task p50', 'p99', 'floor p50', 'p99'],
    rows: [
      ...datasets.map(({ name, times }) => [
        name,
        ...timeCells(times.withTask),
        ...timeCells(times.withoutTask),
        ...none,
      ]),
      [
        `${catalogue.models} made-up models`,
        ...timeCells(catalogue.withTask),
        ...timeCells(catalogue.withoutTask),
        ...timeCells(catalogue.floored),
      ],
    ],
  };
}

function timeCells({ p50Us, p99Us }: DecisionTimes): string[] {
  return [plain(p50Us, 1), plain(p99Us, 1)];
}

function experimentTable(name: string, { accuracy, difference, none }: ExperimentFigures): Table {
  return {
    title: `${name}: telling two versions of a model apart`,
    columns: ['figure', ''],
    rows: [
      ['accuracy before and after', `${share(accuracy.before)}, ${share(accuracy.after)}`],
      ['samples an arm until decided, median', plain(difference.medianAnArm, 0)],
      ['samples an arm until decided, p90', plain(difference.p90AnArm, 0)],
      ['wrong directions', `${difference.wrong} of ${difference.orders}`],
      ['undecided', `${difference.undecided} of ${difference.orders}`],
      ['found where there is nothing', percent(none.found, 2)],
      ['the same by a z-test that is looked at each time', percent(none.foundNaively, 2)],
    ],
  };
}

function targetTable(targets: readonly Standing[]): Table {
  return {
    title: 'Figures to beat',
    columns: ['figure', 'to beat', 'here', ''],
    rows: targets.map((target) => {
      const digits = target.digits ?? 3;
      const bound = `${target.isLess ? '<=' : '>='} ${share(target.toBeat, digits)}`;
      return [target.what, bound, share(target.here, digits), isMet(target) ? 'met' : 'missed'];
    }),
  };
}
