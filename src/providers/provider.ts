import type { AnswerPiece } from '../domain/answer-piece.ts';
import type { EmbeddingRequest } from '../domain/embedding.ts';
import type { ModelSpec } from '../domain/model.ts';
import type { ProviderKey } from '../domain/provider-config.ts';
import type { ToldLimits } from '../domain/rate-limits.ts';
import type { ChatRequest, ModelRequest } from '../domain/request.ts';
import type { Completion } from '../domain/result.ts';
import type { ServerSentEvent } from './transport/event-stream.ts';

export type CallOptions = {
  /** The whole call, answer included, must be over within this time. */
  timeoutMs: number;
  /** Aborts the call: the worker is stopping, or the job was cancelled. */
  signal: AbortSignal;
  /** Sent as `x-request-id`, so that the provider's log and the usage stream can be held against each other. */
  attemptId: string;
  /** Name of the key to use; see `keysOf`. */
  key: string;
  /**
   * Told each piece of the answer as it arrives; the call is then streamed, whatever the provider's configuration says.
   * Put together, the pieces are what the completion says. Must not throw.
   */
  onPiece?: (piece: AnswerPiece) => void;
  /** By which a streamed call is billed that the signal breaks off; without it nobody knows what it costs. */
  estimate?: CallEstimate;
};

/** What is taken for the tokens that a provider has not told when its stream is broken off. */
export type CallEstimate = { inputTokens: number; tokensOf: (text: string) => number };

/** What became of a call that was answered. */
export type Answer = {
  completion: Completion;
  /** What the headers told about the provider's limits. */
  limits?: ToldLimits;
  /** From the start of the call to the first piece of the answer, when it was streamed. */
  firstTokenMs?: number;
};

/** A place that answers requests: chats, and where its API has them, embeddings. */
export type Provider = {
  readonly name: string;
  readonly keys: readonly ProviderKey[];
  /**
   * One call to the model. Throws a GatewayError, and nothing else, when there is no usable answer. That of a streamed
   * call which the signal broke off has its bill in `billed`, as far as that can be told from what had come.
   */
  complete(model: ModelSpec, request: ModelRequest, options: CallOptions): Promise<Answer>;
  /**
   * Whether it answers at all and accepts the key, for `sluice doctor`: the ids by which its models may be asked for,
   * none where its list does not tell them; undefined when what it answers is no list of models. Throws a GatewayError.
   */
  probe(timeoutMs: number, key: string): Promise<readonly string[] | undefined>;
  close(): Promise<void>;
};

/** Names in lower case. */
export type HttpHeaders = Readonly<Record<string, string | string[] | undefined>>;

/** A request of a provider's API: the path below its base URL, and a JSON body. */
export type WireRequest = { path: string; body: unknown };

/**
 * What a provider's API is: pure functions between our words and its own. The HTTP around them is shared, and so is what
 * failures mean (`failures.ts`).
 */
export type Dialect = {
  authorization(apiKey: string): Record<string, string>;
  /** Sent with every call, the probe included; names in lower case. Configured headers of the same name replace them. */
  headers?: Readonly<Record<string, string>>;
  /** A cheap GET that tells whether the key and the address are right, and reads the model ids out of its answer. */
  probePath: string;
  /** Where anybody may read the list of models: a GET that tells whether the key is right. */
  keyPath?: string;
  modelIdsIn(body: unknown): readonly string[] | undefined;
  toRequest(model: ModelSpec, request: ChatRequest, options: { stream: boolean }): WireRequest;
  /** Throws a GatewayError when the answer, though 200, is no completion. */
  toCompletion(body: unknown, headers: HttpHeaders): Completion;
  /** Of APIs that have them. They are never streamed. */
  embeddings?: {
    toRequest(model: ModelSpec, request: EmbeddingRequest): WireRequest;
    /** Throws a GatewayError when the answer, though 200, is not a vector for each input. */
    toCompletion(body: unknown, headers: HttpHeaders, request: EmbeddingRequest): Completion;
  };
  /** Puts the answer to a question together that arrives in pieces. */
  createAssembly(question: Question): Assembly;
};

export type Question = { model: ModelSpec; request: ChatRequest };

/**
 * Collects the events of one streamed answer into the body that would have been sent without streaming, so that there is
 * one way from body to completion.
 */
export type Assembly = {
  /**
   * Takes the next event; returns the pieces that can be told by now: none for a part of the answer that is not told, or
   * not yet; undefined for an event that brings nothing of the answer. What is told is a part of the later completion,
   * from its beginning on, whatever may follow; what is held back is told from the completion.
   * Throws a GatewayError for an error inside the stream.
   */
  add(event: ServerSentEvent): AnswerPiece[] | undefined;
  /** True once the event has come that ends a whole answer. */
  readonly isComplete: boolean;
  /** What has come so far, as the body of an answer that was not streamed. */
  body(): unknown;
  /** All that the model has said so far; undefined when it has thought besides, or may have, and nobody tells how much. */
  output(): string | undefined;
};

/** A header's value; the first one when it was sent several times. */
export function headerOf(headers: HttpHeaders, name: string): string | undefined {
  const value = headers[name];
  return typeof value === 'object' ? value[0] : value;
}
