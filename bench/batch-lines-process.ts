import { fastify } from 'fastify';
import { pino } from 'pino';
import { createBatchDriver } from '../src/gateway/batches/driver.ts';
import { addBatches } from '../src/gateway/batches/routes.ts';
import { createDoor } from '../src/gateway/door.ts';
import { addFiles } from '../src/gateway/files/routes.ts';
import { Batches, Producer } from '../src/producer/index.ts';
import { createKeys } from '../src/store/keys.ts';
import { connect } from '../src/store/redis.ts';
import { serveParent } from './children.ts';
import { benchConfig } from './workload.ts';

/** Files, batches and their driver in a process of their own, so that its memory is theirs alone. */

export type LinesSettings = { socketPath: string; simUrl: string; folder: string };

let stop: (() => Promise<void>) | undefined;

serveParent(
  {
    async start({ socketPath, simUrl, folder }: LinesSettings): Promise<string> {
      const config = benchConfig(simUrl);
      const target = { path: socketPath };
      const redis = connect(target, { name: 'sluice:gateway' });
      const base = {
        config,
        folder,
        target,
        redis,
        keys: createKeys(config.redis.prefix),
        producer: new Producer({ config, redis: target }),
        batches: new Batches({ config, redis: target }),
        logger: pino({ level: 'warn' }, pino.destination(2)),
        now: Date.now,
      };
      const tools = { ...base, door: createDoor(base) };
      const app = fastify();
      app.addHook('onRequest', async (request) => void (request.caller = { account: 'default' }));
      addFiles(app, tools);
      addBatches(app, tools);
      const driver = createBatchDriver(tools);
      driver.start();
      stop = async () => {
        await app.close();
        await driver.stop();
        await Promise.all([tools.producer.close(), tools.batches.close()]);
        redis.disconnect();
      };
      return app.listen({ host: '127.0.0.1', port: 0 });
    },
    rssMb: (): number => process.memoryUsage.rss() / 1_048_576,
    peakRssMb: (): number => process.resourceUsage().maxRSS / 1_024,
  },
  async () => stop?.(),
);
