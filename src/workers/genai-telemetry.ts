import {
  type Attributes,
  type Histogram,
  type Span,
  SpanKind,
  SpanStatusCode,
  context,
  metrics,
  trace,
} from '@opentelemetry/api';
import { packageVersion } from '../config/package-version.ts';
import type { ProviderConfig, ProviderKind } from '../domain/config.ts';
import { GatewayError } from '../domain/errors.ts';
import type { ModelSpec } from '../domain/model.ts';
import { nanosToUsd } from '../domain/money.ts';
import { costOfUsage } from '../domain/price.ts';
import { type ModelRequest, isEmbeddingRequest } from '../domain/request.ts';
import type { TokenUsage } from '../domain/usage.ts';
import type { Answer, CallOptions, Provider, Providers } from '../providers/index.ts';
import { errorOfAbort } from './abort-reasons.ts';

/**
 * Calls of models as OpenTelemetry's conventions for generative AI have them
 * (https://github.com/open-telemetry/semantic-conventions-genai, in development): this is the only place that knows their
 * names. What they have no name for is under `sluice.`. Nothing of a prompt or an answer is ever in it.
 *
 * Loaded only where telemetry is turned on.
 */
const SCOPE = 'sluice';
const VERSION = packageVersion();
const DURATION = 'gen_ai.client.operation.duration';
const TOKENS = 'gen_ai.client.token.usage';
/** 10 ms to 82 s, doubling; 1 to 67 million, times four: as the conventions advise. */
const SECONDS_BOUNDS = Array.from({ length: 14 }, (_, index) => 0.01 * 2 ** index);
const TOKEN_BOUNDS = Array.from({ length: 14 }, (_, index) => 4 ** index);

/** Where the conventions have a name for who serves the model; else it is called as the operator calls it. */
const NAMES_BY_KIND: Partial<Record<ProviderKind, string>> = {
  azure: 'azure.ai.openai',
  anthropic: 'anthropic',
  google: 'gcp.gemini',
};
const NAMES_BY_HOST: Readonly<Record<string, string>> = {
  'api.openai.com': 'openai',
  'api.mistral.ai': 'mistral_ai',
  'api.groq.com': 'groq',
  'api.deepseek.com': 'deepseek',
  'api.x.ai': 'x_ai',
  'api.cohere.ai': 'cohere',
  'api.perplexity.ai': 'perplexity',
  'api.moonshot.ai': 'moonshot_ai',
};

type Instruments = { duration: Histogram; tokens: Histogram };

/** The same providers, each of whose calls is a span and is measured. */
export function traceCalls(providers: Providers, configs: Readonly<Record<string, ProviderConfig>>): Providers {
  const meter = metrics.getMeter(SCOPE, VERSION);
  const instruments: Instruments = {
    duration: meter.createHistogram(DURATION, {
      description: 'GenAI operation duration.',
      unit: 's',
      advice: { explicitBucketBoundaries: SECONDS_BOUNDS },
    }),
    tokens: meter.createHistogram(TOKENS, {
      description: 'Number of input and output tokens used.',
      unit: '{token}',
      advice: { explicitBucketBoundaries: TOKEN_BOUNDS },
    }),
  };
  const traced = (provider: Provider): Provider => traceProvider(provider, configs[provider.name], instruments);
  return {
    get: (name) => traced(providers.get(name)),
    all: () => providers.all().map(traced),
    close: () => providers.close(),
  };
}

function traceProvider(provider: Provider, config: ProviderConfig | undefined, instruments: Instruments): Provider {
  const place = placeOf(provider.name, config);

  async function complete(model: ModelSpec, request: ModelRequest, options: CallOptions): Promise<Answer> {
    const measured = { ...operationOf(request), ...place, 'gen_ai.request.model': model.id };
    const span = trace.getTracer(SCOPE, VERSION).startSpan(`${measured['gen_ai.operation.name']} ${model.id}`, {
      kind: SpanKind.CLIENT,
      attributes: { ...measured, ...attributesOfRequest(model, request, options) },
    });
    const startedAtMs = performance.now();
    const record = (told: Attributes, usage: TokenUsage | undefined): void => {
      const attributes = { ...measured, ...told };
      instruments.duration.record((performance.now() - startedAtMs) / 1_000, attributes);
      if (usage === undefined || usage.estimated) return;
      instruments.tokens.record(usage.input_tokens, { ...attributes, 'gen_ai.token.type': 'input' });
      instruments.tokens.record(usage.output_tokens, { ...attributes, 'gen_ai.token.type': 'output' });
    };
    try {
      const inside = trace.setSpan(context.active(), span);
      const answer = await context.with(inside, () => provider.complete(model, request, options));
      span.setAttributes(attributesOfAnswer(model, answer));
      const { served_model: servedModel, usage } = answer.completion;
      record(servedModel === undefined ? {} : { 'gen_ai.response.model': servedModel }, usage);
      return answer;
    } catch (thrown) {
      const error = options.signal.aborted ? errorOfAbort(options.signal, {}) : thrown;
      const usage = thrown instanceof GatewayError ? thrown.details.billed?.usage : undefined;
      record(failSpan(span, error), usage);
      if (usage !== undefined) span.setAttributes(attributesOfUsage(usage));
      throw thrown;
    } finally {
      span.end();
    }
  }

  return { ...provider, complete };
}

function operationOf(request: ModelRequest) {
  return { 'gen_ai.operation.name': isEmbeddingRequest(request) ? 'embeddings' : 'chat' };
}

function placeOf(name: string, config: ProviderConfig | undefined): Attributes {
  if (config === undefined || !URL.canParse(config.base_url)) return { 'gen_ai.provider.name': name };
  const { hostname, port, protocol } = new URL(config.base_url);
  return {
    'gen_ai.provider.name': NAMES_BY_HOST[hostname] ?? NAMES_BY_KIND[config.kind] ?? name,
    'server.address': hostname,
    'server.port': port === '' ? (protocol === 'http:' ? 80 : 443) : Number(port),
  };
}

/** Stop sequences are left out: they are the caller's text. */
function attributesOfRequest(model: ModelSpec, request: ModelRequest, options: CallOptions): Attributes {
  const ours = {
    'sluice.model.alias': model.alias,
    'sluice.provider': model.provider,
    'sluice.attempt.id': options.attemptId,
  };
  if (isEmbeddingRequest(request)) return ours;
  const { temperature, top_p, seed, frequency_penalty, presence_penalty, response_format } = request.parameters;
  const isJson = response_format !== undefined && response_format.type !== 'text';
  return {
    ...ours,
    'gen_ai.request.max_tokens': request.maxTokens,
    ...(options.onPiece && { 'gen_ai.request.stream': true }),
    ...(isJson && { 'gen_ai.output.type': 'json' }),
    ...known({
      'gen_ai.request.temperature': temperature,
      'gen_ai.request.top_p': top_p,
      'gen_ai.request.seed': seed,
      'gen_ai.request.frequency_penalty': frequency_penalty,
      'gen_ai.request.presence_penalty': presence_penalty,
    }),
  };
}

function attributesOfAnswer(model: ModelSpec, { completion, firstTokenMs }: Answer): Attributes {
  const { usage, billed_nanos: billedNanos } = completion;
  const isPriced = billedNanos !== undefined || (model.priceSource !== 'unknown' && !usage.estimated);
  return {
    'gen_ai.response.finish_reasons': [completion.finish_reason],
    ...known({
      'gen_ai.response.id': completion.response_id,
      'gen_ai.response.model': completion.served_model,
      'gen_ai.response.time_to_first_chunk': firstTokenMs === undefined ? undefined : firstTokenMs / 1_000,
    }),
    ...(usage.estimated ? {} : attributesOfUsage(usage)),
    ...(isPriced && { 'sluice.cost.usd': nanosToUsd(billedNanos ?? costOfUsage(model.price, usage)) }),
  };
}

function attributesOfUsage(usage: TokenUsage): Attributes {
  const written = [usage.cache_write_tokens, usage.cache_write_1h_tokens].filter((tokens) => tokens !== undefined);
  return {
    'gen_ai.usage.input_tokens': usage.input_tokens,
    'gen_ai.usage.output_tokens': usage.output_tokens,
    ...known({
      'gen_ai.usage.cache_read.input_tokens': usage.cached_input_tokens,
      'gen_ai.usage.cache_creation.input_tokens':
        written.length === 0 ? undefined : written.reduce((sum, tokens) => sum + tokens, 0),
      'gen_ai.usage.reasoning.output_tokens': usage.reasoning_tokens,
    }),
  };
}

/** By its code alone: whatever a message may say, it is not repeated. Returns what the metrics say of it. */
function failSpan(span: Span, error: unknown): Attributes {
  const code = error instanceof GatewayError ? error.code : 'INTERNAL';
  const status = error instanceof GatewayError ? error.details.status : undefined;
  span.setAttributes({ 'error.type': code, ...known({ 'http.response.status_code': status }) });
  span.setStatus({ code: SpanStatusCode.ERROR, message: code });
  return { 'error.type': code };
}

function known(attributes: Record<string, string | number | undefined>): Attributes {
  return Object.fromEntries(Object.entries(attributes).filter(([, value]) => value !== undefined));
}
