import type { AnswerPiece } from '../domain/answer-piece.ts';
import { GatewayError } from '../domain/errors.ts';
import type { Attempt } from './records.ts';
import { type Services, attemptIdOf } from './services.ts';
import { checksOf } from './validate.ts';
import type { Verdict } from './verdict.ts';

/** Passes the answer of one attempt on while it arrives. */
export type Relay = {
  onPiece: (piece: AnswerPiece) => void;
  /** Something of it has been passed on, and cannot be taken back. */
  readonly hasSent: boolean;
};

/**
 * For an attempt whose answer somebody wants piece by piece. An answer that has to pass a check first is not passed on
 * before it has: the gateway finds all of it in the result.
 */
export function relayOf(attempt: Attempt, services: Pick<Services, 'config' | 'relay'>): Relay | undefined {
  const { start, candidate } = attempt;
  const { reply } = start.job;
  if (!reply?.pieces || checksOf(start, services.config).length > 0) return undefined;
  const attemptId = attemptIdOf(start);
  let sent = 0;
  return {
    onPiece(piece) {
      const head = { jobId: start.jobId, attemptId, after: sent, model: candidate.model.id };
      services.relay.send(reply.to, { ...head, piece });
      sent += 1;
    },
    get hasSent() {
      return sent > 0;
    },
  };
}

/**
 * What becomes of a job after a failure when a part of the answer has been passed on already: whoever reads it cannot
 * start again with the answer of another model, so that the job ends.
 */
export function endRelayed(verdict: Verdict, error: GatewayError): Verdict {
  if (verdict.kind === 'rejected') return verdict;
  const message = `${error.message}; a part of the answer had been passed on, so that no other model was asked`;
  return { kind: 'rejected', error: new GatewayError(error.code, message, error.details, { cause: error.cause }) };
}
