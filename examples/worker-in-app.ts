// A worker inside an app: takes jobs until SIGTERM or Ctrl-C, then gives back what it cannot finish in time.
//
//   npx sluice sim                          in a first terminal: the simulated provider
//   node examples/worker-in-app.ts          in a second one
import { once } from 'node:events';
import pino from 'pino';
import { WorkerPool } from 'sluice';
import { config, openRedis } from './setup.ts';

const redis = await openRedis();
const pool = new WorkerPool({
  config,
  redis: redis.target,
  // One line an attempt, without prompts and answers.
  logger: pino({ level: 'debug' }),
  // Jobs at a time over all lanes; start as many such processes as you like.
  concurrency: 10,
});
await pool.start();
console.log('worker ready');

await Promise.race([once(process, 'SIGTERM'), once(process, 'SIGINT')]);

// Calls under way get `workers.grace`; what is left goes back to its queue for other workers. Redis comes last.
await pool.stop();
await redis.close();
console.log('worker stopped');
