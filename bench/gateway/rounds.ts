import { setTimeout as sleep } from 'node:timers/promises';
import { type Child, startChild } from '../children.ts';
import type { Contender, ContenderName } from './contender.ts';
import type { LoadRun, LoadSettings } from './load-process.ts';
import { cpuBetween, type CpuSeconds, readCpu } from './process-cpu.ts';
import type { StreamRun } from './stream-load.ts';
import { BODY, CONNECTIONS, type Effort, STREAM_BODY, STREAM_CONNECTIONS } from './workload.ts';

/** One measurement of one contender; `cpu` is seconds in all, by process. */
export type Turn = { contender: ContenderName; connections: number; round: number } & LoadRun & { cpu: CpuSeconds };
export type StreamTurn = { contender: ContenderName; connections: number; round: number } & StreamRun;
export type Measured = { turns: Turn[]; streams: StreamTurn[] };

const FIRST_WARM_UP_CONNECTIONS = 32;
/** Between turns: what the last one left behind gets done. */
const PAUSE_MS = 250;
const LONGEST_FACTOR = 4;
const POLL_MS = 100;

/** Everybody's turn at one number of connections, then at the next one, and all that again: noise hits all alike. */
export async function measureRounds(
  contenders: readonly Contender[],
  effort: Effort,
  say: (line: string) => void,
): Promise<Measured> {
  await using cleanup = new AsyncDisposableStack();
  const client = cleanup.adopt(startChild('gateway/load-process.ts'), (child) => child.stop());
  for (const contender of contenders) {
    await measureOnce(client, contender, FIRST_WARM_UP_CONNECTIONS, { warmUpMs: 0, measureMs: effort.firstWarmUpMs });
    await measureStreams(client, contender, FIRST_WARM_UP_CONNECTIONS, { warmUpMs: 0, measureMs: 500 });
  }
  const measured: Measured = { turns: [], streams: [] };
  for (let round = 1; round <= effort.rounds; round += 1) {
    say(`round ${round} of ${effort.rounds}`);
    for (const connections of CONNECTIONS) {
      for (const contender of contenders) {
        const place = { contender: contender.name, connections, round };
        measured.turns.push({ ...place, ...(await measureOnce(client, contender, connections, effort)) });
        if (!STREAM_CONNECTIONS.includes(connections)) continue;
        const times = { warmUpMs: effort.warmUpMs / 2, measureMs: effort.streamMs };
        measured.streams.push({ ...place, ...(await measureStreams(client, contender, connections, times)) });
      }
    }
  }
  return measured;
}

type Times = { warmUpMs: number; measureMs: number };

async function measureOnce(
  client: Child,
  { url, headers, roots }: Contender,
  connections: number,
  { warmUpMs, measureMs }: Times,
): Promise<LoadRun & { cpu: CpuSeconds }> {
  const settings: LoadSettings = { url, headers, body: BODY, connections };
  await client.ask('start', { ...settings, warmUpMs });
  const before = await readCpu(roots);
  await client.ask('mark');
  await sleep(measureMs);
  await untilAnswered(client, 2 * connections, (LONGEST_FACTOR - 1) * measureMs);
  const stopped = client.ask<LoadRun>('stop');
  const after = await readCpu(roots);
  const run = await stopped;
  await sleep(PAUSE_MS);
  return { ...run, cpu: cpuBetween(before, after) };
}

/** Whoever is so slow that its connections have hardly had an answer each gets more time. */
async function untilAnswered(client: Child, requests: number, withinMs: number): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (performance.now() < deadline && (await client.ask<number>('answered')) < requests) await sleep(POLL_MS);
}

async function measureStreams(
  client: Child,
  { url, headers }: Contender,
  connections: number,
  times: Times,
): Promise<StreamRun> {
  const settings: LoadSettings = { url, headers, body: STREAM_BODY, connections };
  const run = await client.ask<StreamRun>('streams', { ...settings, ...times });
  await sleep(PAUSE_MS);
  return run;
}
