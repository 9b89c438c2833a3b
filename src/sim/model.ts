import type { SimAnswers } from './answers.ts';
import type { FaultPicker, FaultRule } from './faults.ts';
import { fillSchema, fillText } from './filler.ts';
import { drawNormal, drawUnit, hashText } from './hash.ts';
import { CHARACTERS_PER_TOKEN, type ChatRequest, countTokens, type FinishReason, textOf } from './openai.ts';
import type { SimProfile, SimProfiles } from './profiles.ts';

/** What a model does with one request, decided before anything is sent. */
export type Plan = {
  profile: SimProfile;
  fault: FaultRule | undefined;
  /** Until the answer, or until its first byte when it is streamed. */
  latencyMs: number;
  text: string;
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

/** Returns undefined for a model that has no profile. */
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
    if (profile === undefined) return undefined;
    const prompt = promptOf(request);
    const hash = hashText(prompt, hashText(request.model, seed));
    // What is said depends on the prompt alone; how long it takes and whether it fails also on how often it was asked.
    const visitHash = hashText(`visit ${countVisit(hash)}`, hash);
    const fault = pickFault(request.model, visitHash);
    const answer = answerTo(request, prompt, profile, answers, hash);
    const maxTokens = request.max_completion_tokens ?? request.max_tokens ?? Infinity;
    const isCut = countTokens(answer.length) > maxTokens;
    const text = fault?.kind === 'empty' ? '' : isCut ? answer.slice(0, maxTokens * CHARACTERS_PER_TOKEN) : answer;
    const outputTokens = countTokens(text.length);
    return {
      profile,
      fault,
      latencyMs: latencyOf(profile, request.stream === true ? 0 : outputTokens, visitHash) + delayOf(fault),
      text,
      finishReason: isCut && text !== '' ? 'length' : 'stop',
      inputTokens: countTokens(request.messages.reduce((sum, message) => sum + textOf(message).length, 0)),
      outputTokens,
    };
  };
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
