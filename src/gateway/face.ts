import type { AnswerPiece } from '../domain/answer-piece.ts';
import type { Problem } from '../domain/issues.ts';
import type { PromptJob } from '../domain/job.ts';
import type { CompletedResult } from '../domain/result.ts';
import type { ApiError } from './api-error.ts';

/** What a request asks for, in our words; which models its `model` stands for is found out by `wishes.ts`. */
export type Asked = {
  /** The job, without `model`, `models` and what headers and metadata say. */
  job: Omit<PromptJob, 'model' | 'models'>;
  model: string;
  /** OpenRouter's list of fallbacks, and its preferences as they came. */
  models?: readonly string[];
  provider?: unknown;
  /** The client wants the answer piece by piece. */
  isStream: boolean;
};

/** What an answer is told along with. */
export type AnswerContext = {
  /** Of the answer: `chatcmpl-...`; the same in all its pieces. */
  id: string;
  /** Epoch seconds. */
  created: number;
  /** As the client named it. */
  askedModel: string;
};

/** Writes an answer piece by piece, as server-sent events: each method returns the text to send, '' for nothing. */
export type AnswerStream = {
  /** Before the first piece. `model` is the one that is answering, as the provider calls it. */
  start(model: string): string;
  piece(piece: AnswerPiece): string;
  /** After the last piece: all of `result.completion` has been told by `piece`. */
  end(result: CompletedResult): string;
  /** In place of `end`, when something has been sent and the rest will not come. */
  fail(error: ApiError, requestId: string): string;
};

/** One API in whose words requests come in and answers go out; `Body` is the request as it was read. */
export type Face<Body> = {
  /** `/v1/chat/completions` */
  path: string;
  read: (body: unknown) => { ok: true; body: Body; asked: Asked } | { ok: false; problems: Problem[] };
  /** Where this API says what our own fields say. */
  placeOf: (path: Problem['path']) => Problem['path'];
  /** `chatcmpl-`, `resp_`, `msg_`: what ids of its answers begin with. */
  idPrefix: string;
  toAnswer: (result: CompletedResult, body: Body, context: AnswerContext) => object;
  createStream: (body: Body, context: AnswerContext) => AnswerStream;
  toErrorBody: (error: ApiError, requestId: string) => object;
};
