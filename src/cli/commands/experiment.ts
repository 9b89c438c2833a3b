import { Command } from 'commander';
import type { Config, ExperimentConfig } from '../../domain/config.ts';
import { unknownName } from '../../domain/config.ts';
import { InputError } from '../../domain/errors.ts';
import type { ExperimentOrder } from '../../domain/experiment-control.ts';
import { verdictOf } from '../../domain/experiment-verdict.ts';
import { suggestion } from '../../domain/issues.ts';
import { createExperimentOrders } from '../../store/experiments/orders.ts';
import { createExperimentTallies } from '../../store/experiments/tallies.ts';
import { createKeys } from '../../store/keys.ts';
import { readRedisTime } from '../../store/redis-clock.ts';
import { requireConfigWithoutKeys } from '../config-view.ts';
import { type Context, contextOf } from '../context.ts';
import { type ExperimentReport, experimentJson, renderExperiment, stateOf, unitsOf } from '../experiment-report.ts';
import { promotionYaml, settingsOf } from '../experiment-yaml.ts';
import { formatCount } from '../format.ts';
import { SLUICE } from '../invocation.ts';
import { openRedis } from '../redis.ts';
import { renderTable } from '../table.ts';

type Desk = {
  context: Context;
  config: Config;
  orders: ReturnType<typeof createExperimentOrders>;
  /** Counts what there is, too; undefined when workers have another configuration of the experiment. */
  reportOn: (name: string) => Promise<ExperimentReport | undefined>;
  /** By Redis' clock, in epoch milliseconds. */
  now: () => Promise<number>;
};
type Flags = { json?: boolean };

const NAME = 'as in sluice.yaml';
const COUNTED_ELSEWHERE =
  'is counted under another configuration than this file has: its workers were started with an earlier or another one';

export const experimentCommand = new Command('experiment')
  .description('A/B tests: how they stand, stop them, go on with what won')
  .addHelpText(
    'after',
    `
Looking at any time is allowed: the test is made for it. Workers obey stop,
promote and resume within about a second.

Example:
  $ ${SLUICE} experiment status cheaper-coding`,
  );

experimentCommand
  .command('list')
  .description('every experiment of the configuration')
  .option('--json', 'print one JSON object an experiment')
  .action((flags: Flags, command: Command) => withDesk(command, (desk) => list(desk, flags)));

experimentCommand
  .command('status')
  .description('what was measured of each variant, and whether it is decided')
  .argument('<name>', NAME)
  .option('--json', 'print one JSON object')
  .action((name: string, flags: Flags, command: Command) =>
    withDesk(command, async (desk) => {
      findExperiment(name, desk.config);
      const report = await demandReport(name, desk);
      if (flags.json) desk.context.print(JSON.stringify(experimentJson(report)));
      else for (const line of renderExperiment(report)) desk.context.print(line);
    }),
  );

experimentCommand
  .command('stop')
  .description('assign nobody to it any more; its jobs are routed as if it were not there')
  .argument('<name>', NAME)
  .option('--json', 'print one JSON object')
  .action((name: string, flags: Flags, command: Command) =>
    withDesk(command, async (desk) => {
      findExperiment(name, desk.config);
      await give(desk, name, { state: 'stopped', at: await desk.now() }, flags);
    }),
  );

experimentCommand
  .command('promote')
  .description('route all its jobs as one variant says, counting none; prints what to put into the configuration')
  .argument('<name>', NAME)
  .option('--variant <name>', 'which one; without it the one that the test has found to be the best')
  .option('--json', 'print one JSON object')
  .action((name: string, flags: Flags & { variant?: string }, command: Command) =>
    withDesk(command, (desk) => promote(name, flags, desk)),
  );

experimentCommand
  .command('resume')
  .description('take back a stop or a promotion: users are assigned as before')
  .argument('<name>', NAME)
  .option('--json', 'print one JSON object')
  .action((name: string, flags: Flags, command: Command) =>
    withDesk(command, async ({ context, config, orders }) => {
      // One that was taken out of the configuration, too: what was said of it would hold for the next of its name.
      const wasGiven = await orders.takeBack(name);
      if (!wasGiven) {
        findExperiment(name, config);
        throw new InputError(`experiment "${name}" is neither stopped nor promoted; nothing was changed`);
      }
      context.print(flags.json ? JSON.stringify({ experiment: name, state: 'running' }) : `${name}: goes on`);
    }),
  );

async function list({ context, config, orders, reportOn }: Desk, flags: Flags): Promise<void> {
  const given = await orders.read();
  const rows: string[][] = [];
  for (const [name, experiment] of Object.entries(config.experiments)) {
    const report = await reportOn(name);
    if (flags.json)
      context.print(JSON.stringify(report ? experimentJson(report) : { experiment: name, state: 'unknown' }));
    rows.push([
      name,
      stateOf(given.get(name)),
      experiment.measure,
      experiment.tasks?.join(', ') ?? 'all',
      Object.keys(experiment.variants).join(', '),
      report ? formatCount(unitsOf(report.verdict)) : '-',
      report ? summaryOf(report) : 'counted under another configuration',
    ]);
  }
  for (const name of given.keys()) {
    if (config.experiments[name] !== undefined) continue;
    context.note(
      `${stateOf(given.get(name))}, but not in the configuration: ${name}; ${SLUICE} experiment resume forgets it`,
    );
  }
  if (flags.json) return;
  if (rows.length === 0) context.note('no experiment is configured; give one under experiments: in sluice.yaml');
  else {
    const titles = ['experiment', 'state', 'by', 'tasks', 'variants', 'units', 'result'].map((title) => ({ title }));
    for (const line of renderTable(titles, rows)) context.print(line);
  }
}

function summaryOf({ verdict }: ExperimentReport): string {
  if (verdict.mismatch.length > 0) return 'not to be trusted: see its status';
  const decided = verdict.variants.flatMap(({ variant, against }) =>
    against === undefined || against.decision === 'undecided' ? [] : [`${variant} ${against.decision}`],
  );
  return decided.length === 0 ? 'undecided' : decided.join(', ');
}

async function promote(name: string, flags: Flags & { variant?: string }, desk: Desk): Promise<void> {
  const { context, config } = desk;
  const experiment = findExperiment(name, config);
  const variant = flags.variant ?? (await winnerOf(name, desk));
  if (!Object.hasOwn(experiment.variants, variant)) {
    const hint = suggestion(variant, Object.keys(experiment.variants));
    throw new InputError(unknownName(`variant of experiment "${name}"`, variant, experiment.variants) + hint);
  }
  const yaml = promotionYaml(name, variant, config);
  const settings = settingsOf(experiment.variants[variant] ?? {});
  await give(desk, name, { state: 'promoted', variant, at: await desk.now() }, flags, { settings, yaml });
  if (flags.json) return;
  context.note('to keep it so, put this into the configuration and restart the workers:');
  context.print(yaml);
  context.note(`then: ${SLUICE} experiment resume ${name}, which forgets the promotion; before, it takes it back`);
}

/** Throws an InputError, of one line, while it is open which one is the best. */
async function winnerOf(name: string, desk: Desk): Promise<string> {
  const { verdict } = await demandReport(name, desk);
  if (verdict.winner !== undefined) return verdict.winner;
  const better = verdict.variants.filter(({ against }) => against?.decision === 'better').map(({ variant }) => variant);
  const why =
    verdict.mismatch.length > 0
      ? 'its result cannot be trusted (see its status)'
      : better.length > 1
        ? `${better.join(' and ')} are better than the control, and not compared with each other`
        : 'it is not decided which variant is the best';
  throw new InputError(`experiment "${name}": ${why}; name the one that you want with --variant`);
}

async function give(desk: Desk, name: string, order: ExperimentOrder, flags: Flags, more: object = {}): Promise<void> {
  const { context, orders } = desk;
  const before = (await orders.read()).get(name);
  await orders.give(name, order);
  const was = before === undefined ? '' : ` (was ${stateOf(before)})`;
  if (flags.json) context.print(JSON.stringify({ experiment: name, ...order, before: stateOf(before), ...more }));
  else context.note(`${name}: ${stateOf(order)}${was}; to take it back: ${SLUICE} experiment resume ${name}`);
}

async function demandReport(name: string, { reportOn }: Desk): Promise<ExperimentReport> {
  const report = await reportOn(name);
  if (report === undefined) throw new InputError(`experiment "${name}" ${COUNTED_ELSEWHERE}`);
  return report;
}

function findExperiment(name: string, { experiments }: Config): ExperimentConfig {
  const experiment = Object.hasOwn(experiments, name) ? experiments[name] : undefined;
  if (experiment !== undefined) return experiment;
  throw new InputError(unknownName('experiment', name, experiments) + suggestion(name, Object.keys(experiments)));
}

async function withDesk(command: Command, use: (desk: Desk) => Promise<void>): Promise<void> {
  const context = contextOf(command);
  const config = requireConfigWithoutKeys(context);
  const opened = await openRedis(context, config.redis.url);
  const { redis } = opened;
  try {
    const keys = createKeys(config.redis.prefix);
    const orders = createExperimentOrders(redis, keys);
    const tallies = createExperimentTallies(redis, keys, config.experiments);
    await use({
      context,
      config,
      orders,
      now: async () => Math.round(await readRedisTime(redis)),
      async reportOn(name) {
        const experiment = findExperiment(name, config);
        const tally = tallies.get(name);
        const counted = await tally?.catchUp();
        if (tally === undefined || counted === undefined) return undefined;
        const order = (await orders.read()).get(name);
        const verdict = verdictOf(counted.standing, tally.plan);
        return { name, experiment, since: counted.since, verdict, ...(order !== undefined && { order }) };
      },
    });
  } finally {
    await opened.close();
  }
}
