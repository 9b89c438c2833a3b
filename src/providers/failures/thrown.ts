import { GatewayError } from '../../domain/errors.ts';
import { AddressRefused, DeadlinePassed } from '../transport/http.ts';
import { fieldOf, isInstance, textOf } from './fields.ts';
import { badResponse } from './useless.ts';

/** Errors before anything was sent: nobody can bill for them. */
const NOT_SENT = new Set([
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_INVALID_ARG',
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENETDOWN',
  'EADDRNOTAVAIL',
  'EMFILE',
  'EPROTO',
  'HOSTNAME_MISMATCH',
]);
/** No TLS connection came about: a certificate that is expired, self-signed or for another name. */
const NOT_SECURED = /^(?:ERR_TLS_|ERR_SSL_|CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_)/;
/** It answered, but not in HTTP, or with headers that are too large. */
const UNREADABLE = /^(?:HPE_|UND_ERR_HEADERS_OVERFLOW$)/;
/** What names an address is as long as a name may be; a message is one line that people read. */
const MESSAGE_CHARS = 300;
const LONGEST_CHAIN = 5;

type Cause = { code: string | undefined; isSent: boolean };

/** Whatever ended a call, as exactly one error. What we threw ourselves keeps its meaning. */
export function failureOfThrown(provider: string, thrown: unknown): GatewayError {
  if (isInstance(thrown, GatewayError)) return thrown;
  if (isInstance(thrown, DeadlinePassed)) {
    const details = thrown.isSent ? { provider, billUnknown: true } : { provider };
    return new GatewayError('PROVIDER_TIMEOUT', `${provider}: ${thrown.message}`, details);
  }
  if (isInstance(thrown, AddressRefused)) {
    return new GatewayError('PROVIDER_UNREACHABLE', `${provider}: ${thrown.message}`.slice(0, MESSAGE_CHARS), {
      provider,
    });
  }
  const { code, isSent } = causeOf(thrown);
  if (code === 'UND_ERR_RES_EXCEEDED_MAX_SIZE') return badResponse(provider, 'with more than max_response_bytes');
  const label = code === undefined ? '' : ` (${code})`;
  const details = isSent ? { provider, billUnknown: true } : { provider };
  if (code !== undefined && UNREADABLE.test(code)) {
    const message = `${provider} answered with something that is no HTTP${label}`;
    return new GatewayError('PROVIDER_BAD_RESPONSE', message, details, { cause: thrown });
  }
  const what = isSent ? ': the connection broke before the answer was complete' : ' cannot be reached';
  return new GatewayError('PROVIDER_UNREACHABLE', `${provider}${what}${label}`, details, { cause: thrown });
}

/** The code of the error or of one that caused it, and whether the request had left by then. */
function causeOf(thrown: unknown): Cause {
  let error = thrown;
  for (let depth = 0; depth < LONGEST_CHAIN; depth += 1) {
    const code = textOf(error, 'code');
    if (code !== undefined && /^[A-Z][A-Z0-9_]{1,48}$/.test(code)) {
      const isConnecting = ['connect', 'getaddrinfo'].includes(textOf(error, 'syscall') ?? '');
      return { code, isSent: !(isConnecting || NOT_SENT.has(code) || NOT_SECURED.test(code)) };
    }
    // undici names its parser's errors, and gives them a code only now and then.
    if (textOf(error, 'name') === 'HTTPParserError') return { code: 'HPE_INVALID', isSent: true };
    error = fieldOf(error, 'cause');
  }
  return { code: undefined, isSent: true };
}
