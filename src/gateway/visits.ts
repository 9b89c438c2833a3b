import type { FastifyInstance } from 'fastify';
import type { Caller } from './caller.ts';
import type { Door } from './door.ts';
import type { GatewayTools } from './tools.ts';

export type VisitTools = GatewayTools & { door: Door };

/**
 * Counts what is asked of the routes of this scope among the requests of its caller, as far as these are limited. No model
 * is asked, so that no tokens are counted, and that a budget is spent keeps nobody from fetching what he has paid for.
 */
export function limitVisits(scope: FastifyInstance, { door, config }: VisitTools): void {
  scope.addHook('onRequest', async (request, reply) => {
    const entrance = await door.enter({
      caller: withoutBudget(request.caller),
      user: undefined,
      estimatedTokens: 0,
      requestId: request.id,
      holdMs: config.gateway.timeout,
    });
    reply.headers(entrance.headers);
    if (!entrance.ok) throw entrance.error;
    if (reply.raw.closed) await entrance.leave();
    else reply.raw.once('close', () => void entrance.leave());
  });
}

function withoutBudget({ key, ...caller }: Caller): Caller {
  if (!key) return caller;
  const { id, name, limits } = key;
  return { ...caller, key: { id, name, limits } };
}
