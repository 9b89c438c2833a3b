import type { FastifyInstance } from 'fastify';
import type { Problem } from '../../domain/issues.ts';
import { readAnthropicRequest } from '../../domain/native/anthropic/request.ts';
import { estimateTokens } from '../../router/index.ts';
import { errorOfProblems } from '../failures.ts';
import { limitVisits, type VisitTools } from '../visits.ts';
import { toErrorBody } from './failure.ts';

/**
 * The tokens of a prompt, as the router expects them: an estimate, since every model has a tokeniser of its own, and which
 * one will answer is not known yet.
 */
export function countTokens(
  body: unknown,
): { ok: true; value: { input_tokens: number } } | { ok: false; problems: Problem[] } {
  const isObject = typeof body === 'object' && body !== null && !Array.isArray(body);
  // Nothing is to be answered, so that no limit is given.
  const read = readAnthropicRequest(isObject ? { max_tokens: 1, ...body } : body);
  if (!read.ok) return read;
  return { ok: true, value: { input_tokens: estimateTokens(read.value.messages, read.value).expected } };
}

/** `POST /v1/messages/count_tokens`: no model is asked, and nothing is enqueued, but it is a request like others. */
export function addCountTokens(app: FastifyInstance, tools: VisitTools): void {
  app.register(async (scope) => {
    limitVisits(scope, tools);
    scope.post('/v1/messages/count_tokens', { config: { toErrorBody } }, async ({ body }) => {
      const counted = countTokens(body);
      if (!counted.ok) throw errorOfProblems(counted.problems);
      return counted.value;
    });
  });
}
