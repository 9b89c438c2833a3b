import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Contender, JSON_HEADERS, type Stage } from './contender.ts';
import type { Root } from './process-cpu.ts';
import { findPort, startServer, waitUntilAnswering } from './server.ts';
import { BODY, CONNECTIONS, MODEL, STREAM_MODEL } from './workload.ts';

/** `sluice serve` on the laboratory's Redis, with a budget over all calls, so that every one of them is paid for. */

/** As many jobs at a time as the most connections, so that nobody waits for a worker that is free. */
const CONCURRENCY = String(2 * Math.max(...CONNECTIONS));
const PROGRAM = fileURLToPath(new URL('../../bin/sluice.js', import.meta.url));

export async function startSluice(stage: Stage): Promise<Contender> {
  const { laboratory, folder } = stage;
  const config = join(folder, 'sluice.yaml');
  // JSON is YAML.
  await writeFile(config, JSON.stringify(configFor(laboratory.simUrl, laboratory.socketPath)));
  const port = await findPort();
  const server = startServer({
    name: 'sluice',
    command: process.execPath,
    args: [
      PROGRAM,
      'serve',
      '--config',
      config,
      '--port',
      String(port),
      '--allow-anonymous',
      '--concurrency',
      CONCURRENCY,
    ],
    folder,
  });
  stage.cleanup.defer(() => server.stop());
  const target = { url: `http://127.0.0.1:${port}/v1/chat/completions`, headers: { ...JSON_HEADERS } };
  await waitUntilAnswering(server, { ...target, body: BODY });
  const redisPid = Number(/process_id:(\d+)/.exec(await laboratory.redis.info('server'))?.[1]);
  const roots: Root[] = [
    { name: 'serve', pid: server.pid },
    { name: 'redis', pid: redisPid },
  ];
  return { name: 'sluice', ...target, roots };
}

function configFor(simUrl: string, socketPath: string): object {
  const price = { input: 0.15, output: 0.6 };
  return {
    redis: { url: `unix://${socketPath}` },
    providers: { sim: { base_url: simUrl, allow_private: true } },
    models: Object.fromEntries([MODEL, STREAM_MODEL].map((id) => [id, { provider: 'sim', id, price }])),
    budgets: { everything: { limit_usd: 100_000, window: 'day' } },
  };
}
