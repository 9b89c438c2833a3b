import { z } from 'zod';
import { InputError } from '../../domain/errors.ts';
import { check } from '../../domain/issues.ts';
import type { Capability } from '../../domain/model.ts';
import { type Listed, type Listing, type ListOptions, parseJson, perMillion, readListing } from './listing.ts';

const Tokens = z.number().nullish();

/** What matters of an entry of LiteLLM's `model_prices_and_context_window.json`; its prices and abilities are read below. */
const LiteLlmModel = z.looseObject({
  mode: z.string().nullish(),
  litellm_provider: z.string().nullish(),
  max_input_tokens: Tokens,
  max_output_tokens: Tokens,
  input_cost_per_token: z.number().min(0).nullish(),
  output_cost_per_token: z.number().min(0).nullish(),
  input_cost_per_request: z.number().nullish(),
});
type LiteLlmModel = z.infer<typeof LiteLlmModel>;

/** Reads LiteLLM's price map, a JSON object with an entry for each model. */
export function readLiteLlmList(text: string, name: string, options: ListOptions): Listing {
  const list = parseJson(text, name);
  if (typeof list !== 'object' || list === null || Array.isArray(list)) {
    throw new InputError(`${name}: not LiteLLM's price map: expected an object with an entry for each model`);
  }
  const entries = Object.entries(list).filter(([key]) => key !== 'sample_spec');
  return readListing(
    entries.map(([key, entry]) => [key, key, entry] as const),
    name,
    options.only,
    (key, entry) => {
      const checked = check(LiteLlmModel, entry);
      return checked.ok ? listedOf(key, checked.value, options) : { problems: checked.problems };
    },
  );
}

function listedOf(key: string, model: LiteLlmModel, { provider, date }: ListOptions): Listed {
  const { mode = 'chat', litellm_provider: vendor } = model;
  const embeds = mode === 'embedding';
  if (mode !== null && mode !== 'chat' && mode !== 'responses' && !embeds) {
    return { skipped: `it is for ${mode}, not for chats or embeddings` };
  }
  if (model.input_cost_per_token == null || (model.output_cost_per_token == null && !embeds)) {
    return { skipped: 'it has no price by tokens' };
  }
  if (model.input_cost_per_request) return { skipped: 'it charges for every call besides its tokens' };
  const owner = provider ?? vendor;
  if (!owner) return { problems: [{ path: ['litellm_provider'], message: 'missing; name one with --provider' }] };
  const capabilities = embeds ? (['embeddings'] as const) : liteLlmCapabilities(model);
  return {
    model: {
      provider: owner,
      id: vendor && key.startsWith(`${vendor}/`) ? key.slice(vendor.length + 1) : key,
      price: liteLlmPrice(model),
      price_source: `litellm@${date}`,
      ...(model.max_input_tokens ? { context: model.max_input_tokens } : {}),
      ...(model.max_output_tokens && !embeds ? { max_output: model.max_output_tokens } : {}),
      ...(capabilities.length === 0 ? {} : { capabilities: [...capabilities] }),
    },
  };
}

/** A rate, for prompts from a length on, or in a service tier. What holds for both at once we raise ourselves. */
const PRICE_FIELD =
  /^(input_cost_per_token|output_cost_per_token|cache_read_input_token_cost|cache_creation_input_token_cost(?:_above_1hr)?|output_cost_per_reasoning_token)(?:_above_(\d+)k_tokens|_(batches|flex|priority))?$/;

const RATES: Record<string, string> = {
  input_cost_per_token: 'input',
  output_cost_per_token: 'output',
  cache_read_input_token_cost: 'cached_input',
  cache_creation_input_token_cost: 'cache_write',
  cache_creation_input_token_cost_above_1hr: 'cache_write_1h',
  output_cost_per_reasoning_token: 'reasoning',
};

type Rates = Record<string, number>;

/** The price in LiteLLM's fields of a model. Its amounts are as they were: the model that it is for has to be checked. */
export function liteLlmPrice(model: Readonly<Record<string, unknown>>): { input: number; output: number } {
  const base = { input: 0, output: 0 };
  const long = new Map<number, Rates>();
  const tiers = new Map<string, Rates>();
  for (const [field, amount] of Object.entries(model)) {
    const [, name = '', thousands, tier] = PRICE_FIELD.exec(field) ?? [];
    const rate = RATES[name];
    if (rate === undefined || typeof amount !== 'number') continue;
    if (thousands !== undefined) add(long, Number(thousands) * 1_000, rate, amount);
    else if (tier !== undefined) add(tiers, tier === 'batches' ? 'batch' : tier, rate, amount);
    else Object.assign(base, { [rate]: perMillion(amount) });
  }
  const steps = [...long].toSorted(([left], [right]) => left - right);
  return {
    ...base,
    ...(steps.length === 0 ? {} : { long_context: steps.map(([above, rates]) => ({ above, ...rates })) }),
    ...(tiers.size === 0 ? {} : { service_tiers: Object.fromEntries(tiers) }),
  };
}

function add<Key>(map: Map<Key, Rates>, key: Key, rate: string, amount: number): void {
  map.set(key, { ...map.get(key), [rate]: perMillion(amount) });
}

export function liteLlmCapabilities(model: Readonly<Record<string, unknown>>): Capability[] {
  const capabilities: Capability[] = [];
  if (model['supports_function_calling'] === true) capabilities.push('tools');
  if (model['supports_response_schema'] === true) capabilities.push('json');
  if (model['supports_vision'] === true) capabilities.push('vision');
  if (model['supports_reasoning'] === true) capabilities.push('reasoning');
  return capabilities;
}
