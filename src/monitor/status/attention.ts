import type { GateStatus } from '../../store/gates/read.ts';
import { type Html, html } from '../html.ts';
import type { LaneReading } from '../lanes.ts';
import { type BudgetStatus, shareOf } from './budgets.ts';
import type { ModelStatus } from './models.ts';
import type { Status } from './status.ts';
import { moment, plural } from './words.ts';

/** Behind by so much, the sums of the day are said to be. They are added up every five seconds. */
const LATE_MS = 60_000;
const MOST_NAMED = 6;

/** What a person should look at, the most pressing first; nothing when all is well. */
export function findAttention(status: Status): Html[] {
  const all = [
    ...status.lanes.flatMap(aboutLane),
    ...status.models.flatMap((model) => aboutModel(model, status.at)),
    ...aboutKeys(status),
    ...status.budgets.flatMap(aboutBudget),
  ];
  if (all.length <= MOST_NAMED) return all;
  return [...all.slice(0, MOST_NAMED), html`and ${all.length - MOST_NAMED} more, below`];
}

function aboutLane({ lane, waiting, delayed, workers, isPaused }: LaneReading): Html[] {
  if (isPaused) return [html`<b>${lane}</b> is paused on the board: nobody takes its jobs.`];
  if (workers !== 0 || waiting + delayed === 0) return [];
  const jobs = plural(waiting + delayed, 'job');
  return [html`<b>${lane}</b> has ${jobs} and no worker. Start one: <code>sluice worker</code>`];
}

function aboutModel({ alias, state, code, untilMs }: ModelStatus, now: number): Html[] {
  const when = untilMs === undefined ? undefined : moment(untilMs, now);
  const why = code === undefined ? undefined : html` (<code>${code}</code>)`;
  switch (state) {
    case 'stopped':
      return [html`<b>${alias}</b> takes no calls${why}; it is tried again ${when}.`];
    case 'throttled':
      return [html`<b>${alias}</b> is throttled by its provider; calls go on ${when}.`];
    case 'trying':
      return [html`<b>${alias}</b> is being tried with one call at a time${why}.`];
    case 'fine':
      return [];
  }
}

/** Keys that are refused, of models that may still take calls with another one. */
function aboutKeys({ closedGates, at }: Status): Html[] {
  const keys = closedGates.filter(({ key, model, reason }) => key !== undefined && model === undefined && reason);
  return keys.map(({ provider, key = '', code, untilMs }: GateStatus) => {
    const why = code === undefined ? undefined : html` (<code>${code}</code>)`;
    const when = untilMs === undefined ? undefined : html`; it is tried again ${moment(untilMs, at)}`;
    return html`A key of <b>${provider}</b>${key === '' ? undefined : html` (${key})`} is not used${why}${when}.`;
  });
}

function aboutBudget(budget: BudgetStatus): Html[] {
  const { purse, keyName, alertAt = 1, isSoft } = budget;
  const share = shareOf(budget);
  if (share < alertAt) return [];
  const words = share < 1 || isSoft ? `is at ${Math.round(100 * share)} % of its limit` : 'is spent';
  if (keyName !== undefined) {
    return [html`The budget of key <b>${keyName}</b> ${words}. More: <code>sluice budget top-up ${purse}</code>`];
  }
  return [html`Budget <b>${purse}</b> ${words}. More: <code>sluice budget top-up</code>`];
}

/** When the sums of the day lag behind, since no pool of workers runs that adds them up. */
export function lateSince({ spend, lanes, at }: Status): number | undefined {
  const isWorked = lanes.some(({ workers }) => workers === undefined || workers > 0);
  const { countedUntilMs } = spend;
  return !isWorked && countedUntilMs !== undefined && at - countedUntilMs > LATE_MS ? countedUntilMs : undefined;
}
