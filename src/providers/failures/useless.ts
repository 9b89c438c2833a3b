import { type ErrorDetails, GatewayError } from '../../domain/errors.ts';

/** What an answer that is of no use cost, by the provider's word. */
export type Bill = NonNullable<ErrorDetails['billed']>;

export function badResponse(provider: string, problem: string, billed?: Bill): GatewayError {
  const details = detailsOfUseless(provider, billed);
  return new GatewayError('PROVIDER_BAD_RESPONSE', `${provider} answered 200 ${problem}`, details);
}

export function contentFiltered(provider: string, billed?: Bill): GatewayError {
  const message = `${provider} answered 200 and held the answer back (content_filter)`;
  return new GatewayError('CONTENT_FILTERED', message, detailsOfUseless(provider, billed));
}

/** It read the prompt and answered, so that without a word about it, it may well charge. */
function detailsOfUseless(provider: string, billed: Bill | undefined): ErrorDetails {
  return { provider, status: 200, ...(billed === undefined ? { billUnknown: true } : { billed }) };
}

/** The error with what the call cost, where that is known and it does not say so itself. */
export function withBill(error: unknown, billed: Bill | undefined): unknown {
  if (!(error instanceof GatewayError) || billed === undefined || error.details.billed !== undefined) return error;
  const { billUnknown: _told, ...details } = error.details;
  return new GatewayError(error.code, error.message, { ...details, billed }, { cause: error.cause });
}
