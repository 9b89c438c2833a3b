import type { ModelSpec } from '../domain/model.ts';
import type { ProviderKey } from '../domain/provider-config.ts';
import type { ToldLimits } from '../domain/rate-limits.ts';
import type { ChatRequest } from '../domain/request.ts';
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
   * Told each piece of the text as it arrives; the call is then streamed, whatever the provider's configuration says.
   * Must not throw.
   */
  onText?: (piece: string) => void;
};

/** What became of a call that was answered. */
export type Answer = {
  completion: Completion;
  /** What the headers told about the provider's limits. */
  limits?: ToldLimits;
  /** From the start of the call to the first piece of the answer, when it was streamed. */
  firstTokenMs?: number;
};

/** A place that answers chat requests. */
export type Provider = {
  readonly name: string;
  readonly keys: readonly ProviderKey[];
  /** One call to the model. Throws a GatewayError, and nothing else, when there is no usable answer. */
  complete(model: ModelSpec, request: ChatRequest, options: CallOptions): Promise<Answer>;
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
  /** Puts an answer that arrives in pieces together. */
  createAssembly(): Assembly;
};

/**
 * Collects the events of one streamed answer into the body that would have been sent without streaming, so that there is
 * one way from body to completion.
 */
export type Assembly = {
  /**
   * Takes the next event; returns the text that it brings, '' for any other piece of the answer (a part of a tool call).
   * Throws a GatewayError for an error inside the stream.
   */
  add(event: ServerSentEvent): string | undefined;
  /** True once the event has come that ends a whole answer. */
  readonly isComplete: boolean;
  /** What has come so far, as the body of an answer that was not streamed. */
  body(): unknown;
};

/** A header's value; the first one when it was sent several times. */
export function headerOf(headers: HttpHeaders, name: string): string | undefined {
  const value = headers[name];
  return typeof value === 'object' ? value[0] : value;
}
