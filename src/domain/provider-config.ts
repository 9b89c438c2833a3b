import { createHash } from 'node:crypto';
import { z } from 'zod';
import { problemOfBaseUrl, problemOfKey } from './config-checks.ts';
import { durationOf, MOST_TIMER_MS } from './duration.ts';
import { BESIDE_OTHER_PROBLEMS } from './issues.ts';
import { Name } from './name.ts';

/** Which API a provider speaks, and, where several speak the same one, whose habits it has. */
export const PROVIDER_KINDS = [
  /** Chat completions: OpenAI and everything that copies it (vLLM, Ollama, llama.cpp, Together, Groq and more). */
  'openai',
  'azure',
  'openrouter',
  'litellm',
  'portkey',
  'helicone',
  'anthropic',
  'google',
] as const;
export type ProviderKind = (typeof PROVIDER_KINDS)[number];

/** Where an API is for everybody at the same place. Chat completions are served by too many for a default to be safe. */
const BASE_URLS: Partial<Record<ProviderKind, string>> = {
  openrouter: 'https://openrouter.ai/api/v1',
  portkey: 'https://api.portkey.ai/v1',
  helicone: 'https://oai.helicone.ai/v1',
  anthropic: 'https://api.anthropic.com/v1',
  google: 'https://generativelanguage.googleapis.com/v1beta',
};

const ApiKey = z.string().superRefine((key, context) => {
  const problem = problemOfKey(key);
  if (problem) context.addIssue({ code: 'custom', message: problem });
});

/** What describes the request itself is for the HTTP client alone, and a compressed answer could not be read. */
const HeaderName = z
  .string()
  .regex(/^[\w-]{1,64}$/, 'use 1 to 64 letters, digits or _ -')
  .refine(
    (name) =>
      !/^(host|connection|keep-alive|upgrade|expect|te|trailer|content-.*|transfer-.*|accept|accept-.*)$/i.test(name),
    'set by Sluice itself',
  );

/** What may be asked for in a minute, and how many calls may be under way; shared by all workers. */
export const RateLimits = z.strictObject({
  requests_per_minute: z.number().positive().max(10_000_000).optional(),
  tokens_per_minute: z.number().positive().max(100_000_000_000).optional(),
  concurrency: z.int().min(1).max(1_000_000).optional(),
});
export type RateLimits = z.infer<typeof RateLimits>;

const PriceLimits = z.strictObject({
  prompt: z.number().min(0).optional(),
  completion: z.number().min(0).optional(),
  request: z.number().min(0).optional(),
  image: z.number().min(0).optional(),
});
const Preference = z.union([
  z.number().positive(),
  z.partialRecord(z.enum(['p50', 'p75', 'p90', 'p99']), z.number().positive()),
]);

/** OpenRouter's `provider` field (https://openrouter.ai/docs/features/provider-routing), in its own words. */
export const OpenRouterPreferences = z.strictObject({
  order: z.array(z.string()).min(1).optional(),
  only: z.array(z.string()).min(1).optional(),
  ignore: z.array(z.string()).min(1).optional(),
  allow_fallbacks: z.boolean().optional(),
  require_parameters: z.boolean().optional(),
  data_collection: z.enum(['allow', 'deny']).optional(),
  zdr: z.boolean().optional(),
  enforce_distillable_text: z.boolean().optional(),
  quantizations: z.array(z.string()).min(1).optional(),
  sort: z
    .union([
      z.enum(['price', 'throughput', 'latency', 'exacto']),
      z.strictObject({
        by: z.enum(['price', 'throughput', 'latency']),
        partition: z.enum(['model', 'none']).optional(),
      }),
    ])
    .optional(),
  /** USD per million tokens; a hard limit. */
  max_price: PriceLimits.optional(),
  preferred_min_throughput: Preference.optional(),
  preferred_max_latency: Preference.optional(),
});
export type OpenRouterPreferences = z.infer<typeof OpenRouterPreferences>;

const HeaderText = z
  .string()
  .min(1)
  .regex(/^[\x20-\x7e]*$/, 'printable ASCII characters only');

/** What only one kind of provider understands; under the kind's own name. */
const OfKind = {
  azure: z
    .strictObject({
      /** The dated version of its API; without it the versionless `/openai/v1`. */
      api_version: z
        .string()
        .regex(/^[\w.-]{1,32}$/)
        .optional(),
    })
    .optional(),
  openrouter: z
    .strictObject({
      /** For all its models; a model's own come on top. */
      provider: OpenRouterPreferences.optional(),
      /** Sent as HTTP-Referer and X-Title: how the app is called in its rankings. */
      app_url: HeaderText.optional(),
      app_title: HeaderText.optional(),
    })
    .optional(),
  portkey: z
    .strictObject({
      /** Which provider it is to use: a slug (`@openai-prod`), or a name (`openai`) along with `authorization`. */
      provider: HeaderText.optional(),
      virtual_key: HeaderText.optional(),
      /** A saved config's id (`pc-...`), or a config as JSON. */
      config: HeaderText.optional(),
      /** The key of the provider behind it, when Portkey does not hold it. */
      authorization: ApiKey.optional(),
    })
    .optional(),
  helicone: z
    .strictObject({
      /** The key of Helicone itself; `api_key` is that of the provider behind it. */
      api_key: ApiKey,
      /** The provider behind its gateway (`Helicone-Target-Url`), for gateway.helicone.ai. */
      target_url: z.url({ protocol: /^https$/ }).optional(),
      properties: z.record(z.string().regex(/^[\w-]{1,64}$/), HeaderText).optional(),
    })
    .optional(),
  anthropic: z
    .strictObject({
      version: z
        .string()
        .regex(/^\d{4}-\d{2}-\d{2}$/)
        .optional(),
      beta: z.array(HeaderText).min(1).optional(),
    })
    .optional(),
};

export const ProviderConfig = z
  .strictObject({
    kind: z.enum(PROVIDER_KINDS).default('openai'),
    /** Where its API begins: `https://openrouter.ai/api/v1`. The keys are sent nowhere else. */
    base_url: z.string().optional(),
    api_key: ApiKey.optional(),
    /** Several keys instead of one: calls are shared out by weight, and a key that is refused is left alone. */
    api_keys: z
      .record(
        Name,
        z.strictObject({
          key: ApiKey,
          weight: z.number().positive().max(1_000_000).default(1),
          limits: RateLimits.optional(),
        }),
      )
      .refine((keys) => Object.keys(keys).length > 0, 'give at least one key, or leave api_keys out')
      .optional(),
    /** For each of its keys, over all its models; a model may have limits of its own. */
    limits: RateLimits.optional(),
    /** Has answers sent piece by piece: shows the time to the first token, and notices an answer that stands still. */
    stream: z.boolean().default(false),
    /** In which field it takes the limit on the answer; without it what suits the address. */
    max_tokens_field: z.enum(['max_tokens', 'max_completion_tokens']).optional(),
    /** Sent with every call; for a key use `api_key`. */
    headers: z.record(HeaderName, z.string().regex(/^[\x20-\x7e]*$/, 'printable ASCII characters only')).default({}),
    /** Allows loopback and private addresses, and plain http to them: for a model server of your own. */
    allow_private: z.boolean().default(false),
    /** The longest that one call may take, whatever a job asks for. */
    timeout: durationOf(1, MOST_TIMER_MS).prefault('120s'),
    max_response_bytes: z.int().min(1_024).max(1_073_741_824).default(16_777_216),
    /** Connections to it from one worker process at the most. */
    connections: z.int().min(1).max(10_000).default(1_024),
    ...OfKind,
  })
  .superRefine((provider, context) => {
    for (const { path, message } of problemsOfProvider(provider)) context.addIssue({ code: 'custom', path, message });
  }, BESIDE_OTHER_PROBLEMS)
  .transform((provider) => ({ ...provider, base_url: provider.base_url ?? BASE_URLS[provider.kind] ?? '' }));
export type ProviderConfig = z.infer<typeof ProviderConfig>;

type Given = Partial<Record<'kind' | 'base_url' | 'allow_private' | 'api_key' | 'api_keys' | 'azure', unknown>>;

/** Any part may be missing or of the wrong type, which is then the schema's to tell. */
function problemsOfProvider(provider: Given): { path: string[]; message: string }[] {
  const problems: { path: string[]; message: string }[] = [];
  const kind = PROVIDER_KINDS.find((known) => known === provider.kind);
  const { base_url: baseUrl } = provider;
  if (typeof baseUrl === 'string') {
    const problem = problemOfBaseUrl(baseUrl, provider.allow_private === true);
    if (problem) problems.push({ path: ['base_url'], message: problem });
  } else if (baseUrl === undefined && kind !== undefined && BASE_URLS[kind] === undefined) {
    problems.push({ path: ['base_url'], message: `is missing; a provider of kind ${kind} has no usual address` });
  }
  if (typeof baseUrl === 'string' && /\/openai\/v1\/?$/.test(baseUrl) && hasApiVersion(provider)) {
    problems.push({ path: ['base_url'], message: 'leave out its /v1: azure.api_version is for the API without it' });
  }
  if (provider.api_key !== undefined && provider.api_keys !== undefined) {
    problems.push({ path: ['api_keys'], message: 'give either api_key or api_keys' });
  }
  for (const other of Object.keys(OfKind)) {
    if (kind === undefined || other === kind || (provider as Record<string, unknown>)[other] === undefined) continue;
    problems.push({ path: [other], message: `only for a provider of kind ${other}; this one is of kind ${kind}` });
  }
  return problems;
}

function hasApiVersion({ kind, azure }: Given): boolean {
  return (
    kind === 'azure' &&
    typeof azure === 'object' &&
    azure !== null &&
    (azure as { api_version?: unknown }).api_version !== undefined
  );
}

/** A key with the name by which gates, records and people know it. The name tells nothing about the key. */
export type ProviderKey = {
  name: string;
  key: string | undefined;
  /**
   * By which its gates know it: another key under the same name begins anew. A part of a digest, from which a key of that
   * length cannot be told.
   */
  gate: string;
  weight: number;
  limits: RateLimits;
};

/** Calls share the keys of a provider; one that wants none has a single nameless one. */
export function keysOf(provider: Pick<ProviderConfig, 'api_key' | 'api_keys' | 'limits'>): ProviderKey[] {
  const { api_key: key, api_keys: keys, limits = {} } = provider;
  if (keys === undefined) return [{ name: 'default', key, gate: gateOf('default', key), weight: 1, limits }];
  return Object.entries(keys).map(([name, entry]) => ({
    name,
    key: entry.key,
    gate: gateOf(name, entry.key),
    weight: entry.weight,
    limits: { ...limits, ...entry.limits },
  }));
}

function gateOf(name: string, key: string | undefined): string {
  return key === undefined ? name : `${name}-${createHash('sha256').update(key).digest('hex').slice(0, 6)}`;
}
