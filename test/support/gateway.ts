import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach } from 'vitest';
import { type Gateway, type GatewayOptions, startGateway } from '../../src/gateway/index.ts';
import { type Harness, type HarnessOptions, useHarness } from './harness.ts';

type PostInit = { headers?: Record<string, string>; signal?: AbortSignal };

export type GatewayHarness = Harness & {
  gateway: Gateway;
  /** What an OpenAI client takes as its base URL. */
  baseURL: string;
  /** POSTs JSON, without a key. */
  post: (path: string, body: unknown, init?: PostInit) => Promise<Response>;
};

const QUIET = pino({ level: 'silent' });

/** An installation in miniature with a gateway in front of it; workers only when they are started, unless `workers` is set. */
export function useGateway(): (
  options?: HarnessOptions & { gateway?: Partial<GatewayOptions>; workers?: boolean },
) => Promise<GatewayHarness> {
  const gateways: { gateway: Gateway; folder: string }[] = [];
  // Hooks after a test run in reverse order: the gateways are to be stopped before what they stand on.
  const open = useHarness();
  afterEach(async () => {
    for (const { gateway, folder } of gateways.splice(0)) {
      await gateway.stop(0);
      await rm(folder, { recursive: true, force: true });
    }
  });
  return async ({ gateway: own = {}, workers = true, ...options } = {}) => {
    const harness = await open(options);
    const { config, target } = harness;
    if (workers) await harness.startPool();
    const folder = await mkdtemp(join(tmpdir(), 'sluice-gateway-'));
    const base = { config, redis: target, logger: QUIET, folder, port: 0, allowAnonymous: true };
    const gateway = await startGateway({ ...base, ...own });
    gateways.push({ gateway, folder });
    const post = (path: string, body: unknown, { headers, ...init }: PostInit = {}): Promise<Response> =>
      fetch(gateway.url + path, {
        method: 'POST',
        body: typeof body === 'string' ? body : JSON.stringify(body),
        ...init,
        headers: { 'content-type': 'application/json', ...headers },
      });
    return { ...harness, gateway, baseURL: `${gateway.url}/v1`, post };
  };
}
