import { type Config, keysOf, type ProviderConfig, type ProviderKind } from '../domain/config.ts';
import { GatewayError } from '../domain/errors.ts';
import type { ModelSpec } from '../domain/model.ts';
import type { ToldLimits } from '../domain/rate-limits.ts';
import { isEmbeddingRequest, type ModelRequest } from '../domain/request.ts';
import type { Completion } from '../domain/result.ts';
import { createAnthropicDialect } from './anthropic/dialect.ts';
import { createAzureDialect } from './chat/azure.ts';
import { createConnection } from './transport/connection.ts';
import { withBill } from './failures/useless.ts';
import { badResponse, failureOfAnswer } from './failures.ts';
import { createHeliconeDialect, createLiteLlmDialect, createPortkeyDialect } from './chat/gateways.ts';
import { createGoogleDialect } from './google/dialect.ts';
import { createOpenAiDialect } from './chat/dialect.ts';
import { createOpenRouterDialect } from './chat/openrouter.ts';
import type { Answer, Dialect, HttpHeaders, Provider, Question, WireRequest } from './provider.ts';
import { toldLimits } from './limits/rate-limit-headers.ts';
import { createStreamedAnswer } from './transport/streamed-answer.ts';

const DIALECTS: Record<ProviderKind, (provider: string, config: ProviderConfig) => Dialect> = {
  openai: createOpenAiDialect,
  azure: createAzureDialect,
  openrouter: createOpenRouterDialect,
  litellm: createLiteLlmDialect,
  portkey: createPortkeyDialect,
  helicone: createHeliconeDialect,
  anthropic: createAnthropicDialect,
  google: createGoogleDialect,
};

export type Providers = {
  get(name: string): Provider;
  all(): Provider[];
  close(): Promise<void>;
};

/** The configured providers, one connection pool each. */
export function createProviders(configs: Config['providers']): Providers {
  const providers = new Map(Object.entries(configs).map(([name, config]) => [name, createProvider(name, config)]));
  return {
    get(name) {
      const provider = providers.get(name);
      if (!provider) throw new Error(`no provider "${name}" in the configuration`);
      return provider;
    },
    all: () => [...providers.values()],
    async close() {
      await Promise.all([...providers.values()].map((provider) => provider.close()));
    },
  };
}

function createProvider(name: string, config: ProviderConfig): Provider {
  const dialect = DIALECTS[config.kind](name, config);
  const connection = createConnection(name, config, dialect);

  async function get(path: string, key: string, timeoutMs: number): Promise<unknown> {
    const answer = await connection.call({ method: 'GET', path, timeoutMs }, key);
    if (answer.status !== 200) throw failureOfAnswer(name, answer, Date.now());
    return parseJson(name, answer.text);
  }

  return {
    name,
    keys: keysOf(config),
    async complete(model, request, options): Promise<Answer> {
      const { key, attemptId, signal, timeoutMs, onPiece, estimate } = options;
      const startedAt = performance.now();
      const words = wordsFor(name, dialect, model, request);
      const question = config.stream || onPiece !== undefined ? words.question : undefined;
      const streamed = question && createStreamedAnswer(name, dialect, question, onPiece);
      const { path, body } = words.toRequest(streamed !== undefined);
      const answering = connection.call(
        {
          method: 'POST',
          path,
          headers: { 'x-request-id': attemptId },
          body: JSON.stringify(body),
          timeoutMs: Math.min(timeoutMs, config.timeout),
          signal,
          ...(streamed ? { receive: streamed.receive } : {}),
        },
        key,
      );
      const answer = await answering.catch((error: unknown) => {
        throw signal.aborted ? withBill(error, estimate && streamed?.billOfPart(estimate)) : error;
      });
      const limits = toldLimits(answer.headers, Date.now());
      try {
        if (answer.status !== 200) throw failureOfAnswer(name, answer, Date.now());
        const completion = words.toCompletion(streamed?.body() ?? parseJson(name, answer.text), answer.headers);
        streamed?.tellRest(completion);
        const firstPieceAt = streamed?.firstPieceAt;
        return {
          completion,
          ...(limits ? { limits } : {}),
          ...(firstPieceAt === undefined ? {} : { firstTokenMs: firstPieceAt - startedAt }),
        };
      } catch (error) {
        // Arguments of tools may be objects in objects without an end.
        const isTooDeep = error instanceof RangeError;
        throw withLimits(isTooDeep ? badResponse(name, 'with an answer that is nested too deeply') : error, limits);
      }
    },
    async probe(timeoutMs, key) {
      if (dialect.keyPath !== undefined) await get(dialect.keyPath, key, timeoutMs);
      return dialect.modelIdsIn(await get(dialect.probePath, key, timeoutMs));
    },
    close: () => connection.close(),
  };
}

/** What goes out for a request, and how its answer is read. */
type Words = {
  /** Where the answer may be streamed. */
  question?: Question;
  toRequest: (stream: boolean) => WireRequest;
  toCompletion: (body: unknown, headers: HttpHeaders) => Completion;
};

function wordsFor(provider: string, dialect: Dialect, model: ModelSpec, request: ModelRequest): Words {
  if (!isEmbeddingRequest(request)) {
    return {
      question: { model, request },
      toRequest: (stream) => dialect.toRequest(model, request, { stream }),
      toCompletion: (body, headers) => dialect.toCompletion(body, headers),
    };
  }
  const { embeddings } = dialect;
  if (embeddings === undefined) {
    throw new GatewayError('REQUEST_REJECTED', `${provider}: its API has no embeddings`, { provider });
  }
  return {
    toRequest: () => embeddings.toRequest(model, request),
    toCompletion: (body, headers) => embeddings.toCompletion(body, headers, request),
  };
}

function withLimits(error: unknown, limits: ToldLimits | undefined): unknown {
  if (limits === undefined || !(error instanceof GatewayError)) return error;
  return new GatewayError(error.code, error.message, { ...error.details, limits }, { cause: error.cause });
}

function parseJson(provider: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw badResponse(provider, 'with a body that is not JSON');
  }
}
