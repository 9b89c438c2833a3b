import { type Figure, figureOf } from '../figures.ts';
import type { ContenderName } from './contender.ts';
import type { Measured, Turn } from './rounds.ts';
import { addedOf, turnsOf } from './rows.ts';
import { CONNECTIONS } from './workload.ts';

/** What Sluice is to keep up with, at one number of connections: the ratio of the two, round by round. */
export type Goal = { name: string; what: string; ratio: Figure; most: number };

const MOST_OF_PORTKEY = 2;
const MOST_OF_LITELLM = 1;

export function goalsOf(measured: Measured): Goal[] {
  return CONNECTIONS.flatMap((connections) => [
    ...goalsAgainst(measured, connections, { label: 'Portkey', names: ['portkey'], most: MOST_OF_PORTKEY }),
    ...goalsAgainst(measured, connections, {
      label: 'LiteLLM',
      names: ['litellm_1', 'litellm_2'],
      most: MOST_OF_LITELLM,
    }),
  ]);
}

type Rival = { label: string; names: readonly ContenderName[]; most: number };

/** Against the better of several set-ups of a rival, in each round. */
function goalsAgainst(measured: Measured, connections: number, { label, names, most }: Rival): Goal[] {
  const ours = turnsOf(measured.turns, 'sluice', connections);
  const theirs = names.map((name) => turnsOf(measured.turns, name, connections)).filter(({ length }) => length > 0);
  if (ours.length === 0 || theirs.length === 0) return [];
  const added = (turn: Turn): number => addedOf(measured, turn, ({ p50Ms }) => p50Ms);
  const ratioOf = (value: (turn: Turn) => number): Figure =>
    figureOf(ours.map((turn, index) => value(turn) / Math.min(...theirs.map((turns) => value(turns[index] as Turn)))));
  const key = label.toLowerCase();
  const goals: Goal[] = [
    {
      name: `added_p50_to_${key}_${connections}`,
      what: `added p50 to ${label}'s, ${connections} connections`,
      ratio: ratioOf(added),
      most,
    },
    {
      name: `p50_to_${key}_${connections}`,
      what: `whole p50 to ${label}'s, ${connections} connections`,
      ratio: ratioOf((turn) => turn.p50Ms),
      most,
    },
  ];
  // Whoever answered nothing in its time has no p50.
  return goals.filter(({ ratio }) => Number.isFinite(ratio.median));
}
