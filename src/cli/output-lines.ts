import { type BatchLineTold, batchLine } from '../domain/batch-line.ts';
import { chatCompletionOf } from '../domain/native/chat/answer.ts';
import { embeddingsOf } from '../domain/native/embeddings.ts';
import type { CompletedResult, JobResult } from '../domain/result.ts';

/** A result as a line of OpenAI's batch output. Failed rows go to the errors file. */
export function outputLine(result: JobResult): string {
  const told =
    result.status === 'completed'
      ? answerOf(result)
      : { response: null, error: { code: result.error.code, message: result.error.message } };
  return batchLine(result, told, result.row_id ?? null);
}

function answerOf(result: CompletedResult): BatchLineTold {
  const { job_id, completion, finished_at } = result;
  const context = {
    id: completion.response_id ?? `chatcmpl-${job_id}`,
    created: Math.floor(finished_at / 1_000),
  };
  const body = completion.embeddings ? embeddingsOf(result) : chatCompletionOf(result, context);
  return { response: { status_code: 200, request_id: completion.response_id ?? job_id, body }, error: null };
}
