import { lookup } from 'node:dns/promises';
import { kindOfAddress, kindOfHost } from '../domain/address.ts';
import { GatewayError } from '../domain/errors.ts';
import { failureOfThrown } from './failures.ts';
import { createHttpClient } from './transport/http.ts';

export type WebhookCall = {
  url: string;
  headers: Record<string, string>;
  body: string;
  /** Allows loopback and private addresses. */
  allowPrivate: boolean;
  timeoutMs: number;
};

/** Of an answer only the status is of interest. */
const MOST_ANSWER_BYTES = 65_536;

/** Why nothing is sent to this URL, as far as the URL itself tells; undefined when it may be tried. */
function problemOfWebhookUrl(text: string, allowPrivate: boolean): string | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || (url.protocol !== 'https:' && url.protocol !== 'http:')) return 'expected an https URL';
  if (url.username !== '' || url.password !== '') return 'no user or password in it: what is sent is signed';
  if (url.protocol === 'http:' && !allowPrivate) return 'expected an https URL';
  const kind = kindOfHost(url.hostname);
  if (kind === 'forbidden') return 'a link-local or reserved address, which is never called';
  if (kind === 'private' && !allowPrivate) return 'a private address; the operator has not allowed these';
  if (kind === 'public' && url.protocol === 'http:') return 'expected an https URL';
  return undefined;
}

/** Likewise with what its name stands for now: plain http goes to private addresses alone. */
export async function problemOfWebhook(text: string, allowPrivate: boolean): Promise<string | undefined> {
  const problem = problemOfWebhookUrl(text, allowPrivate);
  if (problem !== undefined) return problem;
  const { protocol, hostname } = new URL(text);
  if (protocol === 'https:' || kindOfHost(hostname) !== 'name') return undefined;
  const addresses = await lookup(hostname, { all: true }).catch(() => []);
  const isPrivate = addresses.length > 0 && addresses.every(({ address }) => kindOfAddress(address) === 'private');
  return isPrivate ? undefined : 'expected an https URL: its host is not known as one of a private network';
}

/**
 * Posts JSON to somebody's server and returns the status of the answer; no redirect is followed. Rejects with a
 * GatewayError that names the host, and nothing else of the URL, when no answer comes in time, or when the name stands for
 * an address that may not be called: judged when connecting.
 */
export async function postWebhook({ url, headers, body, allowPrivate, timeoutMs }: WebhookCall): Promise<number> {
  const { origin, host, pathname, search } = new URL(url);
  const problem = problemOfWebhookUrl(url, allowPrivate);
  if (problem !== undefined) throw new GatewayError('PROVIDER_UNREACHABLE', `${host}: ${problem}`);
  const client = createHttpClient({ origin, allowPrivate, connections: 1, maxResponseBytes: MOST_ANSWER_BYTES });
  try {
    const { status } = await client.call({
      method: 'POST',
      path: pathname + search,
      headers: { 'content-type': 'application/json', 'user-agent': 'sluice', ...headers },
      body,
      timeoutMs,
      receive: () => () => true,
    });
    return status;
  } catch (error) {
    throw failureOfThrown(host, error);
  } finally {
    await client.close();
  }
}
