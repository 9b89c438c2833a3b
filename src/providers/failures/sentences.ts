import type { ErrorBody } from './error-body.ts';
import { type Finding, FINDINGS } from './finding.ts';

type Rule = {
  finding: Finding;
  statuses: readonly number[];
  patterns: readonly RegExp[];
  /** It takes the key or the model from other jobs, too. */
  concernsAll?: true;
};

/**
 * For errors without a name of their own, or with one that says less than the words: by the statuses with which they come.
 * No pattern repeats without a bound, so that no body is slow to search.
 */
const RULES: readonly Rule[] = [
  {
    // OpenAI says so with 429, Groq with 413: no waiting helps.
    finding: FINDINGS.tooLargeForRate,
    statuses: [400, 413, 429],
    patterns: [/request too large for/i, /must be reduced in order to run/i, /reduce your message size/i],
  },
  {
    finding: FINDINGS.quota,
    concernsAll: true,
    statuses: [400, 401, 403, 429],
    patterns: [
      // Anthropic
      /credit balance is too low/i,
      /API usage limits/i,
      /spend(?:ing)? limit/i,
      // LiteLLM
      /budget has been exceeded|ExceededBudget|(?:over|exceeded|crossed) budget/i,
      // xAI, DeepSeek and others
      /all available credits|any credits|insufficient (?:balance|credits?|funds)/i,
      // Azure API Management
      /out of (?:call volume|bandwidth) quota/i,
    ],
  },
  {
    finding: FINDINGS.filtered,
    statuses: [400, 403, 422],
    patterns: [
      /usage polic(?:y|ies)|safety system|\bflagged\b/i,
      /content (?:management |filtering )?policy|content filter/i,
      /guardrail|prompt injection|ContentPolicyViolation/i,
    ],
  },
  {
    finding: FINDINGS.wrongPlace,
    concernsAll: true,
    statuses: [400, 403],
    patterns: [/location is not supported/i, /country.{0,40}not supported/i],
  },
  {
    finding: FINDINGS.modelDenied,
    concernsAll: true,
    statuses: [400, 401, 403],
    patterns: [
      /invalid model|not a valid model|access to (?:the )?model/i,
      /model.{0,80}(?:does not exist|decommissioned|retired)/i,
      // Bedrock
      /model identifier is invalid|on-demand throughput isn/i,
    ],
  },
  {
    finding: FINDINGS.auth,
    concernsAll: true,
    statuses: [400],
    patterns: [/api key (?:not valid|not found|expired|is invalid)|invalid api key/i],
  },
  {
    finding: FINDINGS.tooLong,
    statuses: [400, 413, 422],
    patterns: [
      // OpenAI, vLLM, OpenRouter, DeepSeek, Mistral, llama.cpp, Ollama, MiniMax
      /context (?:length|window|size|limit)|ContextWindowExceeded/i,
      // Anthropic, Bedrock, Ollama
      /(?:prompt|input) (?:is )?too long|input length.{0,40}exceed/i,
      // Google
      /input token(?:s| count).{0,30}exceed|number of tokens allowed/i,
      // xAI, vLLM
      /maximum (?:allowed )?(?:prompt|input|model) length|max_model_len/i,
      // Groq, Cerebras, Cohere, Kimi, Qwen
      /reduce (?:the|your) (?:length|prompt|input)|too many (?:input )?tokens|model token limit|input length should be/i,
      // Together, text-generation-inference
      /max_new_tokens`? must be|inputs`? must have less than/i,
    ],
  },
  {
    finding: FINDINGS.answerTooLong,
    statuses: [400, 413, 422],
    patterns: [
      /max_?(?:completion_|output_?)?tokens\b.{0,60}?(?:too (?:large|high|long)|> ?\d|<= ?\d|at most|supported range|above max)/i,
      /supports at most \d{1,9} completion|maximum tokens you requested exceed/i,
    ],
  },
];

export function findSentence(status: number, body: ErrorBody): Finding | undefined {
  return RULES.find(
    ({ statuses, patterns, concernsAll }) =>
      statuses.includes(status) && patterns.some((pattern) => isSaid(pattern, body, concernsAll)),
  )?.finding;
}

const LEAD_CHARS = 160;

/**
 * Servers repeat what they were sent, so that a prompt could say of itself that the credit is used up. What concerns all
 * jobs has to be said by the server itself: at the beginning, and not in quotation marks.
 */
function isSaid(pattern: RegExp, { sentence, isPage }: ErrorBody, concernsAll = false): boolean {
  const at = sentence.search(pattern);
  if (at < 0 || !concernsAll) return at >= 0;
  return !isPage && at <= LEAD_CHARS && !/(?:^|[\s(:=[,])["'“]/.test(sentence.slice(0, at));
}
