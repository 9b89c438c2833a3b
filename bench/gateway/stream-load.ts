import { Agent, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { percentileOf } from '../figures.ts';
import type { LoadSettings } from './load-process.ts';

/** Streams, one after the other on each connection; autocannon does not tell when the first byte of text came. */

export type StreamRun = { streams: number; firstTokenP50Ms: number; firstTokenP99Ms: number; failed: number };

type Timing = { firstTokenMs: number } | 'failed';

/** A piece of text that is not empty, in the events of a chat completion. */
const TOKEN = /"content":\s*"[^"]/;
const END = '[DONE]';
const STREAM_TIMEOUT_MS = 30_000;

export async function loadStreams(
  settings: LoadSettings & { warmUpMs: number; measureMs: number },
): Promise<StreamRun> {
  const agent = new Agent({ keepAlive: true, maxSockets: settings.connections });
  const firstTokensMs: number[] = [];
  let failed = 0;
  const startedAt = performance.now();
  const measuresFrom = startedAt + settings.warmUpMs;
  const endsAt = measuresFrom + settings.measureMs;
  const readUntilEnd = async (): Promise<void> => {
    while (performance.now() < endsAt) {
      const isMeasured = performance.now() >= measuresFrom;
      const timing = await readStream(agent, settings);
      if (timing === 'failed') failed += 1;
      else if (isMeasured) firstTokensMs.push(timing.firstTokenMs);
      // Whatever refuses at once must not be asked a million times.
      if (timing === 'failed') await sleep(100);
    }
  };
  await Promise.all(Array.from({ length: settings.connections }, readUntilEnd));
  agent.destroy();
  const ordered = Float64Array.from(firstTokensMs).sort();
  return {
    streams: ordered.length,
    firstTokenP50Ms: percentileOf(ordered, 0.5),
    firstTokenP99Ms: percentileOf(ordered, 0.99),
    failed,
  };
}

function readStream(agent: Agent, { url, headers, body }: LoadSettings): Promise<Timing> {
  return new Promise((resolve) => {
    const sentAt = performance.now();
    let firstTokenMs: number | undefined;
    let tail = '';
    const call = request(url, { method: 'POST', agent, headers, timeout: STREAM_TIMEOUT_MS }, (response) => {
      response.setEncoding('utf8');
      response.on('data', (text: string) => {
        tail += text;
        if (firstTokenMs === undefined && TOKEN.test(tail)) firstTokenMs = performance.now() - sentAt;
        // An event may come in two parts; none that matters here is longer than this.
        tail = tail.slice(-4_096);
      });
      response.on('close', () => {
        const isWhole = response.statusCode === 200 && firstTokenMs !== undefined && tail.includes(END);
        resolve(isWhole && firstTokenMs !== undefined ? { firstTokenMs } : 'failed');
      });
      response.on('error', () => resolve('failed'));
    });
    call.on('timeout', () => call.destroy());
    call.on('error', () => resolve('failed'));
    call.end(body);
  });
}
