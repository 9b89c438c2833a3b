import { postWebhook } from '../../providers/index.ts';
import { type Webhook, createWebhooks } from '../../store/webhooks.ts';
import type { GatewayTools } from '../tools.ts';
import { signatureHeaders } from './webhook-signature.ts';

const TIMEOUT_MS = 15_000;
/** Longer than a try takes: whoever has taken a webhook and does not come back leaves it to others. */
const PUT_OFF_MS = 60_000;
const AT_ONCE = 8;
const GIVE_UP_AFTER_MS = 86_400_000;
const MINUTE_MS = 60_000;
const DELAYS_MS = [5_000, 30_000, 2 * MINUTE_MS, 10 * MINUTE_MS, 30 * MINUTE_MS, 60 * MINUTE_MS];
const LONGEST_DELAY_MS = 2 * 60 * MINUTE_MS;

/** How long to wait after so many tries in vain. */
export function delayAfter(failures: number): number {
  return DELAYS_MS[failures - 1] ?? LONGEST_DELAY_MS;
}

const toStatus = (status: number): { status: number } => ({ status });
const toFailure = (error: Error): { failure: string } => ({ failure: error.message });

/** Sends what is due, once each; what is not answered with 2xx is tried again for a day. */
export function createWebhookSender({ config, redis, keys, logger, now }: GatewayTools) {
  const webhooks = createWebhooks(redis, keys);
  const { secret, allow_private: allowPrivate } = config.gateway.webhooks;

  async function send(webhook: Webhook, key: string): Promise<void> {
    const { id, batch, url, body, createdAt } = webhook;
    const headers = signatureHeaders(id, body, key, now());
    const call = { url, headers, body, allowPrivate, timeoutMs: TIMEOUT_MS };
    const outcome = await postWebhook(call).then(toStatus, toFailure);
    if ('status' in outcome && outcome.status >= 200 && outcome.status < 300) return webhooks.forget(id);
    const failures = webhook.failures + 1;
    const nextAt = now() + delayAfter(failures);
    const isLast = nextAt - createdAt > GIVE_UP_AFTER_MS;
    // Of the URL the host alone: the rest may hold a secret.
    const facts = { batch, webhook: id, host: new URL(url).host, ...outcome, failures };
    if (isLast) logger.warn(facts, 'a webhook was not taken, and is given up');
    else logger.warn({ ...facts, next_try_at: new Date(nextAt).toISOString() }, 'a webhook was not taken');
    await (isLast ? webhooks.forget(id) : webhooks.tryAgain({ ...webhook, failures }, nextAt));
  }

  /** Without a secret nothing can be signed, and nothing is sent. */
  async function sendDue(): Promise<void> {
    if (secret === undefined) return;
    const due = await webhooks.takeDue(now(), PUT_OFF_MS, AT_ONCE);
    await Promise.all(due.map((webhook) => send(webhook, secret)));
  }

  return { sendDue };
}
