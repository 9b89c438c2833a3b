// @ts-expect-error It comes without types.
import untypedAutocannon from 'autocannon';
import { setTimeout as sleep } from 'node:timers/promises';
import { serveParent } from '../children.ts';
import { percentileOf } from '../figures.ts';
import { loadStreams, type StreamRun } from './stream-load.ts';

/** The clients, in a process of their own: autocannon on kept connections, each with one request at a time. */

export type LoadSettings = {
  url: string;
  headers: Record<string, string>;
  body: string;
  connections: number;
};

export type LoadRun = { requests: number; seconds: number; p50Ms: number; p99Ms: number; failed: number };

type Client = { reqsMade: number; responseMax?: number };
type Load = Promise<unknown> & {
  on(event: 'response', listen: (client: Client, status: number, bytes: number, ms: number) => void): void;
  on(event: 'reqError', listen: () => void): void;
};
type Autocannon = (options: LoadSettings & Record<string, unknown>) => Load;
const autocannon = untypedAutocannon as Autocannon;

/** Longer than any measurement: they are ended by `stop`. */
const LONGEST_SECONDS = 120;
const REQUEST_TIMEOUT_SECONDS = 30;

type Running = { load: Load; clients: Client[]; latenciesMs: number[]; failed: number; markedAt: number };
let running: Running | undefined;

serveParent(
  {
    /** Opens the connections and resolves when they have been warm for so long. */
    async start({ warmUpMs, ...settings }: LoadSettings & { warmUpMs: number }): Promise<void> {
      running = startLoad(settings);
      await sleep(warmUpMs);
    },
    /** What ends from here on is measured. A failure before it counts, too. */
    mark(): void {
      if (running === undefined) return;
      running.latenciesMs.length = 0;
      running.markedAt = performance.now();
    },
    /** How many requests have been answered since the mark. */
    answered: (): number => running?.latenciesMs.length ?? 0,
    /** Resolves with what was measured, when no request is under way any more. */
    async stop(): Promise<LoadRun> {
      if (running === undefined) throw new Error('nothing was started');
      const { load, clients, latenciesMs, markedAt } = running;
      const seconds = (performance.now() - markedAt) / 1_000;
      const ordered = Float64Array.from(latenciesMs).sort();
      // Every client ends with the answer that it waits for: cut-off requests would be work for the next contender's turn.
      for (const client of clients) client.responseMax = client.reqsMade;
      await load;
      const { failed } = running;
      running = undefined;
      return {
        requests: ordered.length,
        seconds,
        p50Ms: percentileOf(ordered, 0.5),
        p99Ms: percentileOf(ordered, 0.99),
        failed,
      };
    },
    async streams(settings: LoadSettings & { warmUpMs: number; measureMs: number }): Promise<StreamRun> {
      return await loadStreams(settings);
    },
  },
  async () => {},
);

/** Latencies are taken from its events: its own histogram counts in whole milliseconds. */
function startLoad(settings: LoadSettings): Running {
  const clients: Client[] = [];
  const load = autocannon({
    ...settings,
    method: 'POST',
    duration: LONGEST_SECONDS,
    timeout: REQUEST_TIMEOUT_SECONDS,
    setupClient: (client: Client) => clients.push(client),
  });
  const started: Running = { load, clients, latenciesMs: [], failed: 0, markedAt: performance.now() };
  load.on('response', (_client, status, _bytes, ms) => {
    if (status === 200) started.latenciesMs.push(ms);
    else started.failed += 1;
  });
  load.on('reqError', () => {
    started.failed += 1;
  });
  return started;
}
