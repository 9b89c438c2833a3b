import { createBullBoard } from '@bull-board/api';
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import type { BeforeHookResult } from '@bull-board/api/typings/app';
import { FastifyAdapter } from '@bull-board/fastify';
import type { Queue } from 'bullmq';
import type { FastifyInstance } from 'fastify';
import { presentJobData } from './job-mask.ts';

export type BoardOptions = { writable: boolean; showPrompts: boolean };

/** Where the board is. */
export const BOARD_PATH = '/board';
const POLL_SECONDS = 5;
const EXTERNAL_LINK = /<link\b[^>]*\bhref="https?:[^>]*>/g;
/** Jobs come in through the producer, which checks them; and a masked prompt that is saved again would be lost. */
const UNCHECKED_INPUT = new Set(['/api/queues/:queueName/add', '/api/queues/:queueName/:jobId/update-data']);

/** bull-board under `/board`, for every lane's queue. */
export function addBoard(app: FastifyInstance, queues: readonly Queue[], options: BoardOptions): void {
  const serverAdapter = new FastifyAdapter().setBasePath(BOARD_PATH);
  createBullBoard({
    queues: queues.map((queue) => adaptQueue(queue, options)),
    serverAdapter,
    options: {
      uiConfig: {
        boardTitle: 'Sluice',
        boardLogo: { path: '/icon.svg', width: 28, height: 28 },
        favIcon: { default: '/icon.svg', alternative: '/icon.svg' },
        hideDocsLink: true,
        miscLinks: [
          { text: 'Status', url: '/' },
          { text: 'Metrics', url: '/metrics' },
          { text: 'Readiness', url: '/readyz' },
          { text: 'Log out', url: '/logout' },
        ],
        pollingInterval: { showSetting: true, forceInterval: POLL_SECONDS },
      },
      handlerHooks: {
        before: ({ method, route }) => checkChange(method, route, options.writable),
      },
    },
  });
  app.register(async (scope) => {
    // The page links a web font; nothing on it may call another host.
    scope.addHook('onSend', async (_request, reply, payload) => {
      const isPage = String(reply.getHeader('content-type')).startsWith('text/html');
      return isPage && typeof payload === 'string' ? payload.replaceAll(EXTERNAL_LINK, '') : payload;
    });
    await scope.register(serverAdapter.registerPlugin(), { prefix: BOARD_PATH });
  });
}

function checkChange(method: string, route: string, writable: boolean): BeforeHookResult {
  if (method === 'get') return { allow: true };
  if (!writable) return { allow: false, status: 405, errorKey: 'ERRORS.QUEUE_READ_ONLY' };
  if (!UNCHECKED_INPUT.has(route)) return { allow: true };
  return { allow: false, status: 405, message: 'Sluice takes jobs from its producers alone.' };
}

function adaptQueue(queue: Queue, { writable, showPrompts }: BoardOptions): BullMQAdapter {
  const adapter = new BullMQAdapter(queue, { readOnlyMode: !writable });
  adapter.setFormatter('data', (data) => presentJobData(data, showPrompts));
  return adapter;
}
