import { z } from 'zod';
import type { ProviderConfig } from '../../domain/config.ts';
import type { ModelSpec } from '../../domain/model.ts';
import type { ChatRequest, Message, SamplingParameters } from '../../domain/request.ts';
import type { Completion } from '../../domain/result.ts';
import { toChatCompletion } from './answer.ts';
import { toEmbeddings, toEmbeddingsBody } from './embeddings.ts';
import { createChatAssembly } from './stream.ts';
import type { Dialect, HttpHeaders } from '../provider.ts';

type Fields = Record<string, unknown>;

export type Endpoint = 'chat/completions' | 'embeddings';

/** In what providers differ that all speak chat completions. */
export type ChatHabits = {
  pathFor: (endpoint: Endpoint, modelId: string) => string;
  probePath: string;
  keyPath?: string;
  authorization: (apiKey: string) => Record<string, string>;
  headers: Readonly<Record<string, string>>;
  maxTokensField: 'max_tokens' | 'max_completion_tokens';
  /** Knows the `developer` role; for all others it is the system's. */
  knowsDeveloper: boolean;
  /** Knows `stream_options`, by which a stream tells its usage. */
  knowsStreamOptions: boolean;
  /** Sends vectors as base64 when it is asked to; some of the others refuse the very question. */
  sendsBase64: boolean;
  /** False where requests name models by other ids than the list does. */
  listsRequestIds: boolean;
  /** The last word on the body of a chat, and on one of embeddings. */
  adapt: (body: Fields, model: ModelSpec) => Fields;
  adaptEmbeddings: (body: Fields, model: ModelSpec) => Fields;
  /** What the call cost in nano-dollars, where headers tell. */
  chargeIn: (headers: HttpHeaders) => number | undefined;
  /** Which model answered, where headers tell more than the body. */
  servedModelIn: (headers: HttpHeaders, servedModel: string | undefined) => string | undefined;
};

const USUAL: ChatHabits = {
  pathFor: (endpoint) => `/${endpoint}`,
  probePath: '/models',
  authorization: (apiKey) => ({ authorization: `Bearer ${apiKey}` }),
  headers: {},
  // OpenAI's newer models refuse `max_tokens`; servers that copy its API often know nothing else.
  maxTokensField: 'max_tokens',
  knowsDeveloper: false,
  knowsStreamOptions: true,
  sendsBase64: false,
  listsRequestIds: true,
  adapt: (body) => body,
  adaptEmbeddings: (body) => body,
  chargeIn: () => undefined,
  servedModelIn: (_headers, servedModel) => servedModel,
};

/** OpenAI itself, and what hands requests on to it as they are. */
export const OF_OPENAI = {
  maxTokensField: 'max_completion_tokens',
  knowsDeveloper: true,
  sendsBase64: true,
} as const;

/** Whether OpenAI itself is at an address, also in one of its regions. */
export function isOpenAi(url: string): boolean {
  return /(^|\.)api\.openai\.com$/.test(new URL(url).hostname);
}

/** OpenAI, and everything that copies its API without habits of its own. */
export function createOpenAiDialect(
  provider: string,
  config: Pick<ProviderConfig, 'base_url' | 'max_tokens_field'>,
): Dialect {
  return createChatDialect(provider, config, isOpenAi(config.base_url) ? OF_OPENAI : {});
}

/** The chat-completions dialect, with the habits of one provider. */
export function createChatDialect(
  provider: string,
  config: Pick<ProviderConfig, 'max_tokens_field'>,
  own: Partial<ChatHabits>,
): Dialect {
  const habits: ChatHabits = { ...USUAL, ...own };
  if (config.max_tokens_field !== undefined) habits.maxTokensField = config.max_tokens_field;
  return {
    authorization: habits.authorization,
    headers: habits.headers,
    probePath: habits.probePath,
    ...(habits.keyPath === undefined ? {} : { keyPath: habits.keyPath }),
    modelIdsIn(body) {
      const list = ModelList.safeParse(body);
      if (!list.success) return undefined;
      const models = Array.isArray(list.data) ? list.data : list.data.data;
      return habits.listsRequestIds ? models.map(({ id }) => id) : [];
    },
    toRequest: (model, request, { stream }) => ({
      path: habits.pathFor('chat/completions', model.id),
      body: habits.adapt(toBody(model, request, stream, habits), model),
    }),
    toCompletion: (body, headers) =>
      withServedModel(toChatCompletion(provider, body, habits.chargeIn(headers)), headers, habits),
    embeddings: {
      toRequest: (model, request) => ({
        path: habits.pathFor('embeddings', model.id),
        body: habits.adaptEmbeddings(toEmbeddingsBody(model, request, habits.sendsBase64), model),
      }),
      toCompletion: (body, headers, request) =>
        withServedModel(toEmbeddings(provider, body, request, habits.chargeIn(headers)), headers, habits),
    },
    createAssembly: (question) => createChatAssembly(provider, question),
  };
}

function withServedModel(completion: Completion, headers: HttpHeaders, { servedModelIn }: ChatHabits): Completion {
  const served = servedModelIn(headers, completion.served_model);
  return served === undefined ? completion : { ...completion, served_model: served };
}

const Models = z.array(z.object({ id: z.string() }));
/** Together sends the bare list. */
const ModelList = z.union([z.object({ data: Models }), Models]);

function toBody(model: ModelSpec, request: ChatRequest, stream: boolean, habits: ChatHabits): Fields {
  const { omit, service_tier: tier } = model.request;
  return {
    model: model.id,
    messages: habits.knowsDeveloper ? request.messages : request.messages.map(withoutDeveloper),
    [habits.maxTokensField]: request.maxTokens,
    ...(omit.length === 0 ? request.parameters : without(request.parameters, omit)),
    ...(tier === undefined ? {} : { service_tier: tier }),
    ...(stream ? { stream } : {}),
    ...(stream && habits.knowsStreamOptions ? { stream_options: { include_usage: true } } : {}),
  };
}

function withoutDeveloper(message: Message): Message {
  return message.role === 'developer' ? { ...message, role: 'system' } : message;
}

function without(parameters: SamplingParameters, omitted: readonly string[]): Fields {
  return Object.fromEntries(Object.entries(parameters).filter(([name]) => !omitted.includes(name)));
}
