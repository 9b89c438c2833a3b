import type { ModelConfig } from '../../domain/model-config.ts';
import type { ModelSpec } from '../../domain/model.ts';
import type { ChatRequest, SamplingParameters } from '../../domain/request.ts';
import { jsonAnswerOf } from './json.ts';
import { toConversation } from './messages.ts';
import { habitsOf, type ModelHabits } from '../../domain/claude-habits.ts';
import { toTooling } from './tools.ts';

/**
 * The body of POST /v1/messages. What the API has no words for is left out where it is but a hint: `seed`, the penalties,
 * a temperature above 1, the `detail` of an image, the `name` of a participant.
 */
export function toMessagesBody(
  model: ModelSpec,
  request: ChatRequest,
  { stream, version }: { stream: boolean; version: string },
): object {
  const habits = habitsOf(model.id, version);
  const parameters = withoutOmitted(request.parameters, model.request.omit);
  const answer = jsonAnswerOf(parameters.response_format, habits);
  const { tools, choice } = toTooling(parameters, answer, habits);
  const isForced = choice?.type === 'any' || choice?.type === 'tool';
  const { thinking, effort } = toThinking(parameters.reasoning_effort, request.maxTokens, habits, isForced);
  const { system, messages } = toConversation(request.messages);
  return withoutUnsaid({
    model: model.id,
    max_tokens: request.maxTokens,
    system,
    messages,
    tools,
    tool_choice: choice,
    ...toSampling(parameters, habits, thinking !== undefined),
    thinking,
    output_config: withoutUnsaid({
      effort,
      format: answer?.by === 'format' ? { type: 'json_schema', schema: answer.schema } : undefined,
    }),
    stop_sequences: toStops(parameters.stop),
    service_tier: toServiceTier(model.request.service_tier),
    stream: stream ? true : undefined,
  });
}

/** Whether the answer is asked for as the input of a tool. */
export function asksJsonByTool(model: ModelSpec, request: ChatRequest, version: string): boolean {
  const parameters = withoutOmitted(request.parameters, model.request.omit);
  return jsonAnswerOf(parameters.response_format, habitsOf(model.id, version))?.by === 'tool';
}

function withoutOmitted(parameters: SamplingParameters, omitted: ModelConfig['omit']): SamplingParameters {
  const names: ReadonlySet<string> = new Set(omitted);
  return Object.fromEntries(Object.entries(parameters).filter(([name]) => !names.has(name)));
}

/** What is undefined or empty is not said. */
function withoutUnsaid(fields: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).filter(([, value]) =>
      typeof value === 'object' && value !== null ? Object.keys(value).length > 0 : value !== undefined && value !== '',
    ),
  );
}

/** A model that is told how to think takes no word about how to choose its tokens. */
function toSampling(
  { temperature, top_p }: SamplingParameters,
  { sampling }: ModelHabits,
  isThinkingSet: boolean,
): { temperature?: number; top_p?: number } {
  if (sampling === 'neither' || isThinkingSet) return {};
  const ofTopP = top_p === undefined || (sampling === 'one' && temperature !== undefined) ? {} : { top_p };
  return temperature === undefined ? ofTopP : { temperature: Math.min(temperature, 1), ...ofTopP };
}

type Effort = 'low' | 'medium' | 'high' | 'xhigh';
type Thinking = { type: 'adaptive' | 'disabled' | 'between_tools' } | { type: 'enabled'; budget_tokens: number };

type AskedEffort = Exclude<NonNullable<SamplingParameters['reasoning_effort']>, 'none'>;
const EFFORTS: Record<AskedEffort, Effort> = {
  minimal: 'low',
  low: 'low',
  medium: 'medium',
  high: 'high',
  xhigh: 'xhigh',
};
/** How much of the answer's tokens may be thought, for models that think within a budget. */
const BUDGET_SHARES: Record<AskedEffort, number> = { minimal: 0.1, low: 0.2, medium: 0.5, high: 0.8, xhigh: 0.9 };
const LEAST_BUDGET_TOKENS = 1_024;

/** A forced call of a tool rules out being told to think, and the call is what the job asked for; thinking is a hint. */
function toThinking(
  asked: SamplingParameters['reasoning_effort'],
  maxTokens: number,
  habits: ModelHabits,
  isForced: boolean,
): { thinking?: Thinking; effort?: Effort } {
  if (asked === undefined) return {};
  if (asked === 'none') {
    if (habits.thinkingOff === 'never') return { effort: 'low' };
    return habits.thinkingOff === 'unsaid' ? {} : { thinking: { type: habits.thinkingOff } };
  }
  if (habits.thinking === 'effort') {
    const effort = asked === 'xhigh' ? habits.highestEffort : EFFORTS[asked];
    return isForced ? { effort } : { thinking: { type: 'adaptive' }, effort };
  }
  // As much again has to be left for the answer.
  if (isForced || maxTokens < 2 * LEAST_BUDGET_TOKENS) return {};
  const budget = Math.max(LEAST_BUDGET_TOKENS, Math.floor(maxTokens * BUDGET_SHARES[asked]));
  return { thinking: { type: 'enabled', budget_tokens: budget } };
}

/** A text of nothing but white space is refused. */
function toStops(stop: SamplingParameters['stop']): string[] {
  return [stop ?? []].flat().filter((text) => text.trim() !== '');
}

/** `auto` takes priority capacity where the organisation has some; there is no `flex`. */
function toServiceTier(tier: ModelConfig['service_tier']): 'auto' | 'standard_only' | undefined {
  if (tier === undefined || tier === 'flex') return undefined;
  return tier === 'default' ? 'standard_only' : 'auto';
}
