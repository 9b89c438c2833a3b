import { createHmac } from 'node:crypto';

const SECRET_PREFIX = 'whsec_';

/** The headers that tell who sent a webhook, by Standard Webhooks (https://www.standardwebhooks.com). `at`: epoch ms. */
export function signatureHeaders(id: string, body: string, secret: string, at: number): Record<string, string> {
  const timestamp = String(Math.floor(at / 1_000));
  const key = Buffer.from(secret.slice(SECRET_PREFIX.length), 'base64');
  const signature = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64');
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': `v1,${signature}` };
}
