import { type Figure, figureOf } from '../figures.ts';
import type { ContenderName } from './contender.ts';
import type { Measured, StreamTurn, Turn } from './rounds.ts';
import { CONNECTIONS } from './workload.ts';

/** One contender at one number of connections; each figure over all rounds. Milliseconds. */
export type Row = {
  contender: ContenderName;
  connections: number;
  requestsPerSecond: Figure;
  p50Ms: Figure;
  p99Ms: Figure;
  /** Its percentile less the direct one's of the same round. */
  addedP50Ms: Figure;
  addedP99Ms: Figure;
  /** CPU seconds for 1,000 requests, by process; undefined where it cannot be read, and for the direct way. */
  cpu: Record<string, Figure> | undefined;
  firstTokenP50Ms: Figure | undefined;
  /** First token's p50 less the direct one's of the same round. */
  addedFirstTokenMs: Figure | undefined;
  /** Requests and streams that did not get a whole answer with status 200, of all rounds. */
  failed: number;
};

export function rowsOf(measured: Measured): Row[] {
  const names = [...new Set(measured.turns.map((turn) => turn.contender))];
  return CONNECTIONS.flatMap((connections) => names.map((name) => rowOf(measured, name, connections)));
}

export function turnsOf<Kind extends { contender: ContenderName; connections: number; round: number }>(
  all: readonly Kind[],
  contender: ContenderName,
  connections: number,
): Kind[] {
  return all
    .filter((turn) => turn.contender === contender && turn.connections === connections)
    .toSorted((left, right) => left.round - right.round);
}

/** Against the direct way of the same round. */
export function addedOf(measured: Measured, turn: Turn, value: (turn: Turn) => number): number {
  const direct = turnsOf(measured.turns, 'direct', turn.connections).find(({ round }) => round === turn.round);
  return direct === undefined ? Number.NaN : value(turn) - value(direct);
}

function rowOf(measured: Measured, contender: ContenderName, connections: number): Row {
  const turns = turnsOf(measured.turns, contender, connections);
  const streams = turnsOf(measured.streams, contender, connections);
  const figure = (value: (turn: Turn) => number): Figure => figureOf(turns.map(value));
  return {
    contender,
    connections,
    requestsPerSecond: figure((turn) => turn.requests / turn.seconds),
    p50Ms: figure((turn) => turn.p50Ms),
    p99Ms: figure((turn) => turn.p99Ms),
    addedP50Ms: figure((turn) => addedOf(measured, turn, ({ p50Ms }) => p50Ms)),
    addedP99Ms: figure((turn) => addedOf(measured, turn, ({ p99Ms }) => p99Ms)),
    cpu: contender === 'direct' ? undefined : cpuOf(turns),
    firstTokenP50Ms: streams.length === 0 ? undefined : figureOf(streams.map((stream) => stream.firstTokenP50Ms)),
    addedFirstTokenMs:
      streams.length === 0 ? undefined : figureOf(streams.map((stream) => addedToFirstToken(measured, stream))),
    failed: [...turns, ...streams].reduce((sum, { failed }) => sum + failed, 0),
  };
}

function addedToFirstToken({ streams }: Measured, stream: StreamTurn): number {
  const direct = turnsOf(streams, 'direct', stream.connections).find(({ round }) => round === stream.round);
  return stream.firstTokenP50Ms - (direct?.firstTokenP50Ms ?? Number.NaN);
}

function cpuOf(turns: readonly Turn[]): Record<string, Figure> | undefined {
  const readings = turns.flatMap(({ cpu, requests }) => (cpu === undefined ? [] : [{ cpu, requests }]));
  if (readings.length !== turns.length) return undefined;
  const names = [...new Set(readings.flatMap(({ cpu }) => Object.keys(cpu)))];
  const figures = names.map((name) => {
    const values = readings.map(({ cpu, requests }) => ((cpu[name] ?? 0) / requests) * 1_000);
    return [name, figureOf(values)] as const;
  });
  return Object.fromEntries(figures);
}
