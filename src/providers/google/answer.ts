import { z } from 'zod';
import type { ToolCall } from '../../domain/request.ts';
import type { Completion, FinishReason } from '../../domain/result.ts';
import type { TokenUsage } from '../../domain/usage.ts';
import { badResponse, contentFiltered, failureInBody } from '../failures.ts';
import { headerOf, type HttpHeaders } from '../provider.ts';
import { TokenCount } from '../token-count.ts';

const Usage = z.object({
  promptTokenCount: TokenCount,
  toolUsePromptTokenCount: TokenCount,
  cachedContentTokenCount: TokenCount,
  candidatesTokenCount: TokenCount,
  thoughtsTokenCount: TokenCount,
  serviceTier: z.string().nullish().catch(null),
});

export const FunctionCall = z.object({
  id: z.string().nullish(),
  name: z.string(),
  args: z.record(z.string(), z.unknown()).nullish(),
});
type FunctionCall = z.infer<typeof FunctionCall>;

/** Only what is read of an answer. What is 0 or false Google leaves out. */
const Answer = z.object({
  candidates: z
    .array(
      z.object({
        content: z
          .object({
            parts: z
              .array(
                z.object({
                  text: z.string().nullish(),
                  thought: z.boolean().nullish(),
                  functionCall: FunctionCall.nullish(),
                }),
              )
              .nullish(),
          })
          .nullish(),
        finishReason: z.string().nullish(),
      }),
    )
    .nullish(),
  promptFeedback: z.object({ blockReason: z.string().nullish() }).nullish(),
  usageMetadata: Usage.nullish().catch(null),
  modelVersion: z.string().nullish(),
  responseId: z.string().nullish(),
});
type Answer = z.infer<typeof Answer>;
type Candidate = NonNullable<Answer['candidates']>[number];

/** A whole answer as a completion. Throws a GatewayError when, though 200, it is none. */
export function toGoogleCompletion(provider: string, body: unknown, headers: HttpHeaders): Completion {
  if (body !== null && typeof body === 'object' && 'error' in body && body.error) {
    throw failureInBody(provider, body.error);
  }
  const parsed = Answer.safeParse(body);
  if (!parsed.success) throw badResponse(provider, 'with a body that is no answer of a model');
  const answer = parsed.data;
  const candidate = answer.candidates?.[0];
  const content = textOf(candidate);
  const toolCalls = toToolCalls(candidate, answer.responseId ?? 'google');
  const isEmpty = content === '' && toolCalls.length === 0;
  const usage = toUsage(answer.usageMetadata, isEmpty, headers);
  const billed = usage && { usage };
  if (!candidate) {
    throw answer.promptFeedback?.blockReason
      ? contentFiltered(provider, billed)
      : badResponse(provider, 'without candidates', billed);
  }
  const finishReason = toFinishReason(candidate.finishReason, toolCalls.length > 0);
  const label = labelOf(candidate.finishReason);
  if (finishReason === undefined) throw badResponse(provider, `with an answer that is not whole${label}`, billed);
  if (isEmpty) {
    // Thoughts that use up all of max_tokens end so, too.
    throw finishReason === 'content_filter'
      ? contentFiltered(provider, billed)
      : badResponse(provider, `with an empty answer${label}`, billed);
  }
  return {
    content: content === '' ? null : content,
    ...(toolCalls.length === 0 ? {} : { tool_calls: toolCalls }),
    finish_reason: finishReason,
    usage: usage ?? { input_tokens: 0, output_tokens: 0, estimated: true },
    ...(answer.responseId ? { response_id: answer.responseId } : {}),
    ...(answer.modelVersion ? { served_model: answer.modelVersion } : {}),
  };
}

/** What was thought is not part of the answer. */
function textOf(candidate: Candidate | undefined): string {
  return (candidate?.content?.parts ?? []).map((part) => (part.thought ? '' : (part.text ?? ''))).join('');
}

/** Calls come without an id from older models; it is made of the answer's own, so that it is the same every time. */
function toToolCalls(candidate: Candidate | undefined, responseId: string): ToolCall[] {
  const calls = (candidate?.content?.parts ?? []).flatMap((part) => part.functionCall ?? []);
  return calls.map((call, index) => ({
    id: call.id || `call_${responseId}_${index}`,
    type: 'function',
    function: { name: call.name, arguments: toArgumentsText(call) },
  }));
}

export function toArgumentsText({ args }: FunctionCall): string {
  return JSON.stringify(args ?? {});
}

/** Undefined for what is no whole answer: none, an unknown one, or a call that the model got wrong. */
function toFinishReason(reason: string | null | undefined, hasToolCalls: boolean): FinishReason | undefined {
  switch (reason) {
    case 'STOP':
      return hasToolCalls ? 'tool_calls' : 'stop';
    case 'MAX_TOKENS':
    // The limit of one request; what could be asked for next would be another, paid call.
    case 'CONTINUATION':
      return 'length';
    case 'SAFETY':
    case 'RECITATION':
    case 'BLOCKLIST':
    case 'PROHIBITED_CONTENT':
    case 'SPII':
    case 'IMAGE_SAFETY':
    case 'IMAGE_PROHIBITED_CONTENT':
    case 'IMAGE_RECITATION':
      return 'content_filter';
    default:
      return undefined;
  }
}

function labelOf(reason: string | null | undefined): string {
  return reason && /^[A-Z][A-Z_]{1,48}$/.test(reason) ? ` (${reason})` : '';
}

/** Undefined when it does not count: no request has no tokens, and no answer that says something has none. */
function toUsage(usage: Answer['usageMetadata'], isEmpty: boolean, headers: HttpHeaders): TokenUsage | undefined {
  if (!usage?.promptTokenCount) return undefined;
  const thoughts = usage.thoughtsTokenCount ?? 0;
  const outputTokens = (usage.candidatesTokenCount ?? 0) + thoughts;
  if (outputTokens === 0 && !isEmpty) return undefined;
  const tokens: TokenUsage = {
    input_tokens: usage.promptTokenCount + (usage.toolUsePromptTokenCount ?? 0),
    output_tokens: outputTokens,
  };
  if (usage.cachedContentTokenCount) tokens.cached_input_tokens = usage.cachedContentTokenCount;
  if (thoughts > 0) tokens.reasoning_tokens = thoughts;
  const tier = tierOf(usage.serviceTier ?? headerOf(headers, 'x-gemini-service-tier'));
  if (tier !== undefined) tokens.service_tier = tier;
  return tokens;
}

/** A request for a tier may be served in the usual one, which is then the one that is paid. */
function tierOf(said: string | undefined): string | undefined {
  return /^(?:service_tier_)?(flex|priority|batch)$/i.exec(said ?? '')?.[1]?.toLowerCase();
}
