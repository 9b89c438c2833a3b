import type { FastifyInstance } from 'fastify';
import { isRedisFailure } from '../../store/redis.ts';
import { LateError, within } from '../deadline.ts';
import { renderOutage, renderStatus } from './page.ts';
import { REFRESH_SCRIPT } from './refresh.ts';
import type { Status } from './status.ts';

const REDIS_ANSWERS_WITHIN_MS = 2_000;
/** However many look at the page, Redis is asked so often at most. */
const KEPT_MS = 1_000;

/** `/`: the status page. */
export function addStatus(app: FastifyInstance, readStatus: () => Promise<Status>): void {
  const renderNow = keepFor(KEPT_MS, async () => renderStatus(await readStatus()));
  app.get('/', async (_request, reply) => {
    const page = await within(REDIS_ANSWERS_WITHIN_MS, renderNow()).catch(undefinedWithoutRedis);
    return reply
      .code(page === undefined ? 503 : 200)
      .type('text/html; charset=utf-8')
      .send(page ?? renderOutage());
  });
  app.get('/status.js', (_request, reply) => reply.type('text/javascript; charset=utf-8').send(REFRESH_SCRIPT));
}

function undefinedWithoutRedis(error: unknown): undefined {
  if (!(error instanceof LateError) && !isRedisFailure(error)) throw error;
}

/** One at a time, and its outcome for a while; a failure is not kept. */
function keepFor<Value>(keptMs: number, work: () => Promise<Value>): () => Promise<Value> {
  let kept: { promise: Promise<Value>; untilMs: number } | undefined;
  return () => {
    if (kept !== undefined && performance.now() < kept.untilMs) return kept.promise;
    const next = { promise: work(), untilMs: Number.POSITIVE_INFINITY };
    kept = next;
    next.promise.then(
      () => (next.untilMs = performance.now() + keptMs),
      () => (kept = kept === next ? undefined : kept),
    );
    return next.promise;
  };
}
