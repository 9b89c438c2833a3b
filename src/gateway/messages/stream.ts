import type { ToolCall } from '../../domain/request.ts';
import type { AnswerContext, AnswerStream } from '../face.ts';
import { messageBase, stopOf, textBlockOf, toToolUse, usageOf } from './answer.ts';
import { toErrorBody } from './failure.ts';

/** Nothing has been counted before the end: whoever adds up what both ends of the stream say has the right sum. */
const NO_USAGE = {
  input_tokens: 0,
  cache_read_input_tokens: 0,
  cache_creation_input_tokens: 0,
  cache_creation: null,
  output_tokens: 0,
  output_tokens_details: null,
  server_tool_use: null,
  service_tier: 'standard',
  inference_geo: null,
  speed: null,
};

function write(type: string, fields: object = {}): string {
  return `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`;
}

/**
 * An answer as the events of a message (https://platform.claude.com/docs/en/build-with-claude/streaming): its text piece by
 * piece, and each call of a tool when all are known. One block follows upon the other in this API, and an input has to be
 * JSON, while calls may come by turns, and be no JSON at all. Meanwhile pings show that the answer goes on.
 */
export function createMessageStream({ id: messageId }: Pick<AnswerContext, 'id'>): AnswerStream {
  const calls = new Map<number, ToolCall>();
  let hasText = false;

  function writeText(text: string): string {
    const delta = write('content_block_delta', { index: 0, delta: { type: 'text_delta', text } });
    if (hasText) return delta;
    hasText = true;
    return write('content_block_start', { index: 0, content_block: textBlockOf('') }) + delta;
  }

  return {
    start(model) {
      const base = { ...messageBase(messageId, model), content: [], usage: NO_USAGE };
      const message = { ...base, stop_reason: null, stop_sequence: null, stop_details: null };
      return write('message_start', { message }) + write('ping');
    },
    piece(piece) {
      // What a refusal says stands beside the reason for the end.
      if (piece.kind === 'refusal') return write('ping');
      if (piece.kind === 'text') return piece.text === '' ? '' : writeText(piece.text);
      const { index, id = '', name = '', arguments: text } = piece;
      const call = calls.get(index);
      if (call) call.function.arguments += text;
      else calls.set(index, { id, type: 'function', function: { name, arguments: text } });
      return write('ping');
    },
    end(result) {
      const first = hasText ? 1 : 0;
      const inOrder = [...calls].sort(([left], [right]) => left - right).map(([, call]) => call);
      return [
        hasText ? write('content_block_stop', { index: 0 }) : '',
        ...inOrder.map((call, index) => writeToolUse(call, first + index)),
        write('message_delta', { delta: { ...stopOf(result.completion), container: null }, usage: usageOf(result) }),
        write('message_stop'),
      ].join('');
    },
    fail: (error, requestId) => write('error', toErrorBody(error, requestId)),
  };
}

function writeToolUse(call: ToolCall, index: number): string {
  const { input, ...block } = toToolUse(call);
  const delta = { type: 'input_json_delta', partial_json: JSON.stringify(input) };
  return [
    write('content_block_start', { index, content_block: { ...block, input: {} } }),
    write('content_block_delta', { index, delta }),
    write('content_block_stop', { index }),
  ].join('');
}
