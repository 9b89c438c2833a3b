import { Command } from 'commander';
import { batchBudget } from '../../domain/budget.ts';
import { InputError } from '../../domain/errors.ts';
import { formatUsd, nanosToUsd } from '../../domain/money.ts';
import { releaseParked } from '../../producer/parked.ts';
import { Queues } from '../../producer/queues.ts';
import { createApiKeyStore } from '../../store/api-keys.ts';
import { createBatchStore } from '../../store/batches.ts';
import { createBudgetStore } from '../../store/budgets.ts';
import { createKeys } from '../../store/keys.ts';
import { createParking } from '../../store/parking.ts';
import {
  type BudgetStores,
  budgetJson,
  describeBudget,
  readBudgetLine,
  readBudgetLines,
  renderBudgets,
} from '../budget-lines.ts';
import { type BudgetTarget, findTarget, parseLimit, parseTopUp } from '../budget-target.ts';
import { requireConfigWithoutKeys } from '../config-view.ts';
import { type Context, contextOf } from '../context.ts';
import { formatTime, plural } from '../format.ts';
import { SLUICE } from '../invocation.ts';
import { parseCount } from '../options.ts';
import { openRedis } from '../redis.ts';
import { printable, renderTable } from '../table.ts';

type Desk = BudgetStores & { context: Context; queues: Queues };
type Flags = { json?: boolean };

/** Of so many purses a list for people tells. */
const MOST_LINES = 200;
/** So many of the newest batches are looked through for those that a budget has paused. */
const BATCHES_LOOKED_AT = 200;

const NAME =
  'as in sluice.yaml; NAME/VALUE for the purse of one user, task, ...; batch:ID for the cap of a batch, key:ID for the budget of a key';

export const budgetCommand = new Command('budget')
  .description('what may be spent: look at budgets, raise them, let go on what waits for them')
  .addHelpText('after', `\nExamples:\n  $ ${SLUICE} budget top-up team 25\n  $ ${SLUICE} budget set per-user/ada 10`);

budgetCommand
  .command('list')
  .description('every budget; of one with per, every purse in use')
  .option('--json', 'print one JSON object a purse')
  .action((flags: Flags, command: Command) => withDesk(command, (desk) => list(desk, flags)));

budgetCommand
  .command('set')
  .description('have another limit than the configured one, from now on; wakes who waits')
  .argument('<name>', NAME)
  .argument('<usd>', 'the limit, in dollars', parseLimit)
  .option('--json', 'print one JSON object')
  .action((name: string, nanos: number, flags: Flags, command: Command) =>
    withDesk(command, async (desk) => {
      const target = await findTarget(name, desk);
      await desk.budgets.setLimit(target.purse ?? target.terms.budget, nanos);
      await showChange(desk, target, flags);
    }),
  );

budgetCommand
  .command('unset')
  .description('take back a limit that was set: the configured one holds again')
  .argument('<name>', NAME)
  .option('--json', 'print one JSON object')
  .action((name: string, flags: Flags, command: Command) =>
    withDesk(command, async (desk) => {
      const target = await findTarget(name, desk);
      const wasSet = await desk.budgets.unsetLimit(target.purse ?? target.terms.budget);
      if (!wasSet) throw new InputError(`no limit of "${name}" is set by hand; nothing was changed`);
      await showChange(desk, target, flags);
    }),
  );

budgetCommand
  .command('top-up')
  .description('add to the limit, in the current window alone; wakes who waits for it')
  .argument('<name>', NAME)
  .argument('<usd>', 'what is added, in dollars', parseTopUp)
  .option('--json', 'print one JSON object')
  .action((name: string, nanos: number, flags: Flags, command: Command) =>
    withDesk(command, async (desk) => {
      const target = await findTarget(name, desk);
      const { purse, per, terms, isPassing } = target;
      if (purse === undefined) {
        throw new InputError(`budget "${name}" has a purse for each ${per}; top up one of them: ${name}/VALUE`);
      }
      await desk.budgets.topUp(purse, terms.window, nanos, isPassing);
      await showChange(desk, target, flags);
    }),
  );

budgetCommand
  .command('alerts')
  .description('which budgets were spent up to their alert, the newest first')
  .option('--limit <n>', 'how many', parseCount, 20)
  .option('--json', 'print one JSON object an alert')
  .action((flags: Flags & { limit: number }, command: Command) => withDesk(command, (desk) => showAlerts(desk, flags)));

async function list(desk: Desk, flags: Flags): Promise<void> {
  const { context } = desk;
  const lines = await readBudgetLines(desk);
  if (flags.json) for (const line of lines) context.print(JSON.stringify(budgetJson(line)));
  else if (lines.length === 0) {
    context.note(
      'no budget is configured or in use; give one under budgets: in sluice.yaml, or --max-total-usd to a batch',
    );
  } else {
    for (const line of renderBudgets(lines.slice(0, MOST_LINES))) context.print(line);
    if (lines.length > MOST_LINES) context.note(`and ${lines.length - MOST_LINES} more; --json lists all`);
  }
}

/** Wakes who may go on by the change, and says how things stand. */
async function showChange(desk: Desk, target: BudgetTarget, flags: Flags): Promise<void> {
  const { context } = desk;
  const { purse, terms } = target;
  const released = await release(desk, target);
  const paused = await pausedBy(desk, target);
  const limits = await desk.budgets.limits();
  const line = purse === undefined ? undefined : await readBudgetLine(purse, terms, limits, desk);
  const limitOfEach = limits.get(terms.budget) ?? terms.limitNanos;
  if (flags.json) {
    const facts = line ? budgetJson(line) : { budget: terms.budget, limit_usd: nanosToUsd(limitOfEach) };
    context.print(JSON.stringify({ ...facts, released, paused_batches: paused }));
    return;
  }
  const woken = released === 0 ? '' : `; ${plural(released, 'job')} released`;
  const described = line ? describeBudget(line) : `${terms.budget}: ${formatUsd(limitOfEach)} for each ${target.per}`;
  context.print(printable(described + woken));
  for (const id of paused) context.note(`batch ${id} is paused; to go on with it: ${SLUICE} batch resume ${id}`);
}

async function release({ parking, queues }: Desk, target: BudgetTarget): Promise<number> {
  const purses = (await parking.purses()).filter((purse) => isMeant(target, purse));
  // The rows of a paused batch wait for it to be resumed, and not for money.
  return releaseParked(
    purses.filter((purse) => !purse.startsWith(batchBudget(''))),
    parking,
    queues,
  );
}

async function pausedBy({ batches }: Desk, target: BudgetTarget): Promise<string[]> {
  const newest = await batches.list(BATCHES_LOOKED_AT);
  const paused = newest.filter(({ state, pause }) => state === 'paused' && pause && isMeant(target, pause.purse));
  return paused.map(({ id }) => id);
}

function isMeant({ purse, terms }: BudgetTarget, candidate: string): boolean {
  return purse === undefined ? candidate.startsWith(`${terms.budget}/`) : candidate === purse;
}

async function showAlerts({ context, budgets }: Desk, flags: Flags & { limit: number }): Promise<void> {
  const alerts = await budgets.alerts(flags.limit);
  if (flags.json) {
    for (const { at, purse, window, spent_nanos, limit_nanos, soft } of alerts) {
      const amounts = { spent_usd: nanosToUsd(spent_nanos), limit_usd: nanosToUsd(limit_nanos) };
      context.print(JSON.stringify({ at: new Date(at).toISOString(), purse, window, ...amounts, soft }));
    }
  } else if (alerts.length === 0) context.note('no alerts yet; alert_at and soft budgets raise them');
  else {
    const rows = alerts.map(({ at, purse, window, spent_nanos, limit_nanos, soft }) => [
      formatTime(at),
      purse,
      window,
      formatUsd(spent_nanos),
      formatUsd(limit_nanos),
      soft ? 'soft' : 'hard',
    ]);
    const titles = ['at (UTC)', 'budget', 'window', 'spent', 'limit', 'kind'].map((title) => ({ title }));
    for (const line of renderTable(titles, rows)) context.print(line);
  }
}

async function withDesk(command: Command, use: (desk: Desk) => Promise<void>): Promise<void> {
  const context = contextOf(command);
  const config = requireConfigWithoutKeys(context);
  const opened = await openRedis(context, config.redis.url);
  const keys = createKeys(config.redis.prefix);
  const resultTtlMs = config.results.keep;
  const queues = new Queues(opened.redis, config);
  try {
    await use({
      context,
      config,
      queues,
      budgets: createBudgetStore(opened.redis, keys, { resultTtlMs }),
      apiKeys: createApiKeyStore(opened.redis, keys),
      batches: createBatchStore(opened.redis, keys, { ttlMs: resultTtlMs }),
      parking: createParking(opened.redis, keys, { resultTtlMs }),
    });
  } finally {
    await queues.close();
    await opened.close();
  }
}
