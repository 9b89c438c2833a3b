import * as fc from 'fast-check';
import type { AnswerPiece } from '../../src/domain/answer-piece.ts';
import type { ToolCall } from '../../src/domain/request.ts';
import type { CompletedResult, Completion } from '../../src/domain/result.ts';

/** Answers as a job ends with them, whole and in pieces. */

const USAGE = {
  input_tokens: 100,
  output_tokens: 20,
  cached_input_tokens: 30,
  cache_write_tokens: 10,
  cache_write_1h_tokens: 5,
  reasoning_tokens: 7,
};

export function completedWith(completion: Partial<Completion>): CompletedResult {
  return {
    v: 1,
    job_id: 'j-1',
    status: 'completed',
    task: null,
    attempts: [],
    cost_nanos: 1_500_000,
    total_ms: 12,
    finished_at: 1_700_000_002_500,
    model: 'mini',
    provider: 'openai',
    model_id: 'gpt-5-mini',
    completion: {
      content: null,
      finish_reason: 'stop',
      usage: USAGE,
      served_model: 'gpt-5-mini-2025-08-07',
      ...completion,
    },
    latency_ms: 10,
    cached: false,
  };
}

export function callOf(name: string, text: string, id = `call_${name}`): ToolCall {
  return { id, type: 'function', function: { name, arguments: text } };
}

const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 });
const callArguments = fc.oneof(
  {
    weight: 4,
    arbitrary: fc
      .dictionary(fc.string(), fc.jsonValue({ maxDepth: 1 }), { maxKeys: 3 })
      .map((input) => JSON.stringify(input)),
  },
  { weight: 1, arbitrary: fc.constantFrom('', '{"a": "brok', 'no JSON at all', '[1]') },
);

export const anyCompletion: fc.Arbitrary<Partial<Completion>> = fc
  .record({
    content: fc.option(text),
    refusal: fc.option(text, { freq: 5, nil: undefined }),
    calls: fc.array(callArguments, { maxLength: 3 }),
    isCutOff: fc.boolean(),
  })
  .map(({ content, refusal, calls, isCutOff }) => ({
    content,
    ...(refusal === undefined ? {} : { refusal }),
    ...(calls.length === 0
      ? {}
      : { tool_calls: calls.map((given, index) => callOf(`tool_${index}`, given, `call_${index}`)) }),
    finish_reason: isCutOff ? 'length' : calls.length > 0 ? 'tool_calls' : 'stop',
  }));

/** The pieces of an answer, each text cut where the numbers say; those of tool calls come by turns where they say so, too. */
export function cutUp(
  { content, refusal, tool_calls = [] }: Partial<Completion>,
  cuts: readonly number[],
): AnswerPiece[] {
  let next = 0;
  const cut = (whole: string): string[] => {
    const parts: string[] = [];
    let rest = whole;
    while (rest !== '') {
      const size = 1 + ((cuts[next % Math.max(1, cuts.length)] ?? 7) % rest.length);
      next += 1;
      parts.push(rest.slice(0, size));
      rest = rest.slice(size);
    }
    return parts;
  };
  const ofCalls = tool_calls.map(({ id, function: called }, index): AnswerPiece[] => [
    { kind: 'tool', index, id, name: called.name, arguments: '' },
    ...cut(called.arguments).map((given): AnswerPiece => ({ kind: 'tool', index, arguments: given })),
  ]);
  const areByTurns = (cuts[0] ?? 0) % 2 === 1;
  return [
    ...cut(content ?? '').map((told): AnswerPiece => ({ kind: 'text', text: told })),
    ...cut(refusal ?? '').map((told): AnswerPiece => ({ kind: 'refusal', text: told })),
    ...(areByTurns ? byTurns(ofCalls) : ofCalls.flat()),
  ];
}

/** Each call begins in its turn; what follows of them comes by turns. */
function byTurns(lists: readonly AnswerPiece[][]): AnswerPiece[] {
  const longest = Math.max(0, ...lists.map((list) => list.length));
  return Array.from({ length: longest }, (_, step) => lists.flatMap((list) => list[step] ?? [])).flat();
}
