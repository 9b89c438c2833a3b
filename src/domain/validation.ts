/**
 * What an answer can be checked for before it counts as one. An answer that fails is paid for, and the next model asked.
 *
 * - `json`: it is JSON, alone or in a Markdown fence.
 * - `schema`: it satisfies the JSON Schema of the job's `response_format`; tool calls name a tool of the job, with arguments that satisfy its schema.
 * - `refusal`: the model did not refuse.
 * - `truncated`: the answer was not cut off at its limit of tokens.
 */
export const ANSWER_CHECKS = ['json', 'schema', 'refusal', 'truncated'] as const;
export type AnswerCheck = (typeof ANSWER_CHECKS)[number];
