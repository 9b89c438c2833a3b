import type { ResponsesBody } from '../../domain/native/responses/request.ts';
import type { AnswerContext, AnswerStream } from '../face.ts';
import { completedResponse, isWhole, itemIdsOf, responseBase } from './answer.ts';
import { failureOf } from './failure.ts';
import { createOutput, type OutputEvent } from './output.ts';

/** An answer as the events of a response (https://platform.openai.com/docs/api-reference/responses-streaming). */
export function createResponseStream(body: ResponsesBody, context: AnswerContext): AnswerStream {
  const output = createOutput(itemIdsOf(context.id));
  let model = context.askedModel;
  let sequenceNumber = 0;
  let isStarted = false;

  function write(events: readonly OutputEvent[]): string {
    let text = '';
    for (const [type, fields] of events) {
      text += `event: ${type}\ndata: ${JSON.stringify({ type, sequence_number: sequenceNumber, ...fields })}\n\n`;
      sequenceNumber += 1;
    }
    return text;
  }

  function unfinished(status: 'in_progress' | 'failed'): object {
    const base = { ...responseBase(body, context), completed_at: null, incomplete_details: null };
    return { ...base, status, model, output: output.items, usage: null };
  }

  return {
    start(answering) {
      model = answering;
      isStarted = true;
      const response = unfinished('in_progress');
      return write([
        ['response.created', { response }],
        ['response.in_progress', { response }],
      ]);
    },
    piece: (piece) => write(output.add(piece)),
    end(result) {
      const { events, items } = output.close(result.completion.finish_reason);
      const type = isWhole(result.completion.finish_reason) ? 'response.completed' : 'response.incomplete';
      return write([...events, [type, { response: completedResponse(result, items, body, context) }]]);
    },
    /** Some clients look for the one event, some for the other. A response that was never begun cannot fail. */
    fail(error) {
      const { inResponse, ofEvent } = failureOf(error);
      const failed: OutputEvent = ['response.failed', { response: { ...unfinished('failed'), error: inResponse } }];
      return write([...(isStarted ? [failed] : []), ['error', ofEvent]]);
    },
  };
}
