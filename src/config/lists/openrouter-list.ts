import { z } from 'zod';
import { InputError } from '../../domain/errors.ts';
import { check, formatProblem } from '../../domain/issues.ts';
import type { Capability } from '../../domain/model.ts';
import type { ModelPrice } from '../../domain/model-config.ts';
import { type Listed, type Listing, type ListOptions, parseJson, perMillion, readListing } from './listing.ts';

/** USD a token, as a text. */
const Amount = z
  .union([z.number(), z.string().regex(/^-?\d*\.?\d+(e-?\d+)?$/i, 'expected USD a token, such as "0.0000025"')])
  .transform(Number);
const Tokens = z.int().min(1).nullish();

/** What matters of an entry of OpenRouter's `GET /models` (https://openrouter.ai/docs/api-reference/list-available-models). */
const OpenRouterModel = z.object({
  context_length: Tokens,
  pricing: z.object({
    prompt: Amount,
    completion: Amount,
    request: Amount.nullish(),
    input_cache_read: Amount.nullish(),
    input_cache_write: Amount.nullish(),
    input_cache_write_1h: Amount.nullish(),
    internal_reasoning: Amount.nullish(),
  }),
  supported_parameters: z.array(z.string()).nullish(),
  architecture: z
    .object({ input_modalities: z.array(z.string()).nullish(), output_modalities: z.array(z.string()).nullish() })
    .nullish(),
  top_provider: z.object({ context_length: Tokens, max_completion_tokens: Tokens }).nullish(),
});
type OpenRouterModel = z.infer<typeof OpenRouterModel>;

const OpenRouterList = z.object({ data: z.array(z.looseObject({ id: z.string().min(1) })) });

/** Reads what OpenRouter answers to `GET /models`. */
export function readOpenRouterList(text: string, name: string, options: ListOptions): Listing {
  const list = check(OpenRouterList, parseJson(text, name));
  if (!list.ok) {
    const [problem, ...others] = list.problems.map(formatProblem);
    const rest = others.length === 0 ? '' : ` (and ${others.length} more)`;
    throw new InputError(`${name}: not an answer of OpenRouter's GET /models: ${problem}${rest}`);
  }
  const entries = list.value.data.map((entry, index) => [`data[${index}] (${entry.id})`, entry.id, entry] as const);
  return readListing(entries, name, options.only, (id, entry) => {
    const checked = check(OpenRouterModel, entry);
    return checked.ok ? listedOf(id, checked.value, options) : { problems: checked.problems };
  });
}

function listedOf(id: string, model: OpenRouterModel, { provider = 'openrouter', date }: ListOptions): Listed {
  const { pricing, context_length: contextLength, top_provider: top } = model;
  if (pricing.prompt < 0 || pricing.completion < 0) return { skipped: 'its price depends on who answers' };
  if ((pricing.request ?? 0) > 0) return { skipped: 'it charges for every call besides its tokens' };
  const context = top?.context_length ?? contextLength;
  const capabilities = capabilitiesOf(model);
  return {
    model: {
      provider,
      id,
      price: priceOf(pricing),
      price_source: `openrouter@${date}`,
      ...(context ? { context } : {}),
      ...(top?.max_completion_tokens ? { max_output: top.max_completion_tokens } : {}),
      ...(capabilities.length === 0 ? {} : { capabilities }),
    },
  };
}

/** Where a part of the price is 0 it is not told apart, except for a model that is free. */
function priceOf(pricing: OpenRouterModel['pricing']): ModelPrice {
  const parts = {
    cached_input: pricing.input_cache_read,
    cache_write: pricing.input_cache_write,
    cache_write_1h: pricing.input_cache_write_1h,
    reasoning: pricing.internal_reasoning,
  };
  const told = Object.entries(parts).flatMap(([name, amount]) => (amount ? [[name, perMillion(amount)] as const] : []));
  return {
    input: perMillion(pricing.prompt),
    output: perMillion(pricing.completion),
    ...Object.fromEntries(told),
  };
}

function capabilitiesOf({ supported_parameters: parameters, architecture }: OpenRouterModel): Capability[] {
  if (architecture?.output_modalities?.includes('embeddings')) return ['embeddings'];
  const takes = new Set(parameters);
  const capabilities: Capability[] = [];
  if (takes.has('tools')) capabilities.push('tools');
  if (takes.has('response_format') || takes.has('structured_outputs')) capabilities.push('json');
  if (architecture?.input_modalities?.includes('image')) capabilities.push('vision');
  if (takes.has('reasoning')) capabilities.push('reasoning');
  return capabilities;
}
