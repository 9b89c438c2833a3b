import type { SimAnswers } from './answers.ts';
import type { FaultPicker, FaultRule } from './faults.ts';
import { embed } from './embeddings.ts';
import { fillSchema, fillText } from './filler.ts';
import { drawNormal, drawUnit, hashText } from './hash.ts';
import type { SimProfile, SimProfiles } from './profiles.ts';
import {
  CHARACTERS_PER_TOKEN,
  type ChatRequest,
  countTokens,
  type FinishReason,
  textOf,
  type ToolCall,
} from './wire.ts';

/** What a model does with one request, decided before anything is sent. */
export type Plan = {
  profile: SimProfile;
  fault: FaultRule | undefined;
  /** Until the answer, or until its first byte when it is streamed. */
  latencyMs: number;
  text: string;
  /** Thought before the text, when the request asks for it; else empty. */
  reasoning: string;
  /** Instead of a text. */
  toolCall?: ToolCall;
  vectors?: readonly Float32Array[];
  finishReason: FinishReason;
  inputTokens: number;
  outputTokens: number;
};

export type ModelOptions = {
  seed: number;
  profiles: SimProfiles;
  answers: SimAnswers;
  pickFault: FaultPicker;
};

/** Returns undefined for a model that has no profile, or is for something else than what is asked of it. */
export type Planner = (request: ChatRequest) => Plan | undefined;

const MAX_REMEMBERED_PROMPTS = 200_000;
const DEFAULT_SLOW_DELAY_MS = 5_000;
/** The 95th percentile of the standard normal distribution. */
const Z95 = 1.6448536269514722;

export function createPlanner({ seed, profiles, answers, pickFault }: ModelOptions): Planner {
  const countVisit = createVisitCounter();
  return (request) => {
    if (!Object.hasOwn(profiles, request.model)) return undefined;
    const profile = profiles[request.model];
    if (profile === undefined || (profile.embeddings !== undefined) !== (request.embed !== undefined)) return undefined;
    const prompt = promptOf(request);
    const hash = hashText(prompt, hashText(request.model, seed));
    // What is said depends on the prompt alone; how long it takes and whether it fails also on how often it was asked.
    const visitHash = hashText(`visit ${countVisit(hash)}`, hash);
    const fault = pickFault(request.model, visitHash);
    const said = request.embed ? EMPTY : spoil(sayingOf(request, prompt, profile, answers, hash), fault);
    const saidTokens = countTokens(said.text.length + (said.toolCall?.arguments.length ?? 0));
    const outputTokens = countTokens(said.reasoning.length) + saidTokens;
    return {
      profile,
      fault,
      latencyMs: latencyOf(profile, request.stream === true ? 0 : outputTokens, visitHash) + delayOf(fault),
      ...said,
      ...(request.embed && { vectors: vectorsFor(request, profile, hashText(request.model, seed)) }),
      inputTokens: countTokens(request.messages.reduce((sum, message) => sum + textOf(message).length, 0)),
      outputTokens,
    };
  };
}

type Saying = Pick<Plan, 'text' | 'reasoning' | 'toolCall' | 'finishReason'>;

const EMPTY: Saying = { text: '', reasoning: '', finishReason: 'stop' };
const REFUSAL: Saying = { ...EMPTY, text: "I'm sorry, but I can't help with that." };

function vectorsFor({ messages, embed: asked }: ChatRequest, profile: SimProfile, seed: number): Float32Array[] {
  const most = profile.embeddings ?? 0;
  const dimensions = Math.min(asked?.dimensions ?? most, most);
  return messages.map((message) => embed(textOf(message), seed, dimensions));
}

/** What is said instead, by the faults that are in the answer and not in how it arrives. */
function spoil(said: Saying, fault: FaultRule | undefined): Saying {
  switch (fault?.kind) {
    case 'empty':
      return EMPTY;
    case 'refusal':
      return REFUSAL;
    case 'chatter':
      return { ...said, text: `Sure, here it is: ${said.text}` };
    case 'cut-off':
      return { ...said, text: said.text.slice(0, Math.floor(said.text.length / 2)), finishReason: 'length' };
    default:
      return said;
  }
}

function sayingOf(
  request: ChatRequest,
  prompt: string,
  profile: SimProfile,
  answers: SimAnswers,
  hash: number,
): Saying {
  const maxTokens = request.max_completion_tokens ?? request.max_tokens ?? Infinity;
  const reasoning = cut(reasoningOf(request, profile, hash), maxTokens);
  const toolCall = forcedCallOf(request, hash);
  if (toolCall !== undefined) return { text: '', reasoning, toolCall, finishReason: 'tool_calls' };
  const answer = answerTo(request, prompt, profile, answers, hash);
  const text = cut(answer, maxTokens - countTokens(reasoning.length));
  return { text, reasoning, finishReason: text === answer ? 'stop' : 'length' };
}

function cut(text: string, maxTokens: number): string {
  return countTokens(text.length) > maxTokens ? text.slice(0, maxTokens * CHARACTERS_PER_TOKEN) : text;
}

/** How much is thought, against the length of an answer. */
const SHARES_OF_THOUGHT = new Map([
  ['minimal', 0.5],
  ['low', 1],
  ['medium', 2],
  ['high', 4],
  ['xhigh', 8],
]);

function reasoningOf({ reasoning_effort: effort }: ChatRequest, { output_tokens }: SimProfile, hash: number): string {
  const share = SHARES_OF_THOUGHT.get(effort ?? '');
  return share === undefined ? '' : fillText(hashText('thought', hash), share * output_tokens.mean);
}

/** A tool is called when the request insists on it, never of the model's own accord. */
function forcedCallOf({ tools, tool_choice: choice }: ChatRequest, hash: number): ToolCall | undefined {
  if (choice !== 'required' && typeof choice !== 'object') return undefined;
  const tool = tools?.find((offered) => choice === 'required' || offered.function.name === choice?.function.name);
  if (tool === undefined) return undefined;
  const { name, parameters } = tool.function;
  return { name, arguments: JSON.stringify(fillSchema(hash, parameters) ?? {}) };
}

/** Text of the last user message, trimmed: what answers are looked up by. */
function promptOf(request: ChatRequest): string {
  const message = request.messages.findLast(({ role }) => role === 'user');
  return message === undefined ? '' : textOf(message).trim();
}

function answerTo(
  request: ChatRequest,
  prompt: string,
  profile: SimProfile,
  answers: SimAnswers,
  hash: number,
): string {
  const known = answers.get(prompt);
  if (known !== undefined) {
    const skill = profile.skill[known.task] ?? profile.skill.default;
    return drawUnit(hash, 'skill') < skill ? known.answer : known.wrong;
  }
  const format = request.response_format;
  if (format?.type === 'json_schema') return JSON.stringify(fillSchema(hash, format.json_schema?.schema) ?? {});
  const text = fillText(hash, profile.output_tokens.mean);
  return format?.type === 'json_object' ? JSON.stringify({ text }) : text;
}

function latencyOf({ latency, ms_per_output_token }: SimProfile, outputTokens: number, hash: number): number {
  if (latency.p50_ms === 0) return ms_per_output_token * outputTokens;
  const spread = Math.log(latency.p95_ms / latency.p50_ms) / Z95;
  return latency.p50_ms * Math.exp(spread * drawNormal(hash, 'latency')) + ms_per_output_token * outputTokens;
}

function delayOf(fault: FaultRule | undefined): number {
  return fault?.kind === 'slow' ? (fault.delayMs ?? DEFAULT_SLOW_DELAY_MS) : 0;
}

/** How many times a prompt was seen before; forgets the oldest ones, so that a long run does not grow. */
function createVisitCounter(): (hash: number) => number {
  const visits = new Map<number, number>();
  return (hash) => {
    const before = visits.get(hash) ?? 0;
    visits.set(hash, before + 1);
    if (visits.size > MAX_REMEMBERED_PROMPTS) {
      const oldest = visits.keys().next();
      if (oldest.done !== true) visits.delete(oldest.value);
    }
    return before;
  };
}
