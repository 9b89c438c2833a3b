import type { FastifyInstance } from 'fastify';
import { within } from './deadline.ts';

/** As much of a Redis connection as is needed here. */
type Redis = { info(section: string): Promise<string> };

const REDIS_ANSWERS_WITHIN_MS = 2_000;

/**
 * `/healthz`: this process lives. `/readyz`: the server takes requests, Redis answers and evicts nothing; or 503 with the
 * reason. Both are open.
 */
export function addHealth(app: FastifyInstance, redis: Redis, whyUnready?: () => string | undefined): void {
  app.get('/healthz', async () => ({ status: 'ok' }));
  app.get('/readyz', async (_request, reply) => {
    const reason = whyUnready?.() ?? (await findRedisProblem(redis));
    if (reason !== undefined) return reply.code(503).send({ status: 'unready', reason });
    return { status: 'ready' };
  });
}

async function findRedisProblem(redis: Redis): Promise<string | undefined> {
  try {
    // INFO, since hosted Redis often refuses CONFIG.
    const memory = await within(REDIS_ANSWERS_WITHIN_MS, redis.info('memory'));
    const policy = /^maxmemory_policy:([\w-]+)/m.exec(memory)?.[1] ?? 'noeviction';
    if (policy === 'noeviction') return undefined;
    return `Redis may evict jobs (maxmemory-policy ${policy}); set it to noeviction`;
  } catch {
    return 'Redis does not answer';
  }
}
