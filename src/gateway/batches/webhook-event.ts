import { createHash } from 'node:crypto';
import type { BatchOrder, OrderEnd } from '../../store/batch-orders.ts';
import type { Webhook } from '../../store/webhooks.ts';

/** What is told of an order's end, as OpenAI's webhook event; undefined where nobody asked for it. */
export function webhookOf({ id, callbackUrl }: BatchOrder, end: OrderEnd, now: number): Webhook | undefined {
  if (callbackUrl === undefined) return undefined;
  const eventId = `evt_${createHash('sha256').update(`${id} ${end}`).digest('hex').slice(0, 24)}`;
  const event = {
    id: eventId,
    object: 'event',
    created_at: Math.floor(now / 1_000),
    type: `batch.${end}`,
    data: { id },
  };
  return { id: eventId, batch: id, url: callbackUrl, body: JSON.stringify(event), createdAt: now, failures: 0 };
}
