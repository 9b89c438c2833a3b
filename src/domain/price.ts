import type { ModelPrice } from './model-config.ts';
import { MOST_USD_PER_MILLION, nanosOfPicos, usdPerMillionToPicosPerToken } from './money.ts';
import type { TokenUsage } from './usage.ts';

/** What a model charges, in integer pico-dollars a token. What is not given is charged like input or output. */
export type TokenRates = {
  inputPicosPerToken: number;
  outputPicosPerToken: number;
  cachedInputPicosPerToken?: number;
  cacheWritePicosPerToken?: number;
  /** Not given: like `cacheWritePicosPerToken`. */
  cacheWrite1hPicosPerToken?: number;
  reasoningPicosPerToken?: number;
};

/** A model's rates, with the other ones for long prompts and for service tiers. What those do not name stays as it is. */
export type PriceList = TokenRates & {
  /** Ascending; the last one that the prompt exceeds holds for the whole call. */
  longContext?: readonly (Partial<TokenRates> & { aboveTokens: number })[];
  serviceTiers?: Readonly<Partial<Record<string, Partial<TokenRates>>>>;
};

/** The list of a model whose price nobody knows: its calls count as free, and are marked. */
export const NO_PRICE: PriceList = { inputPicosPerToken: 0, outputPicosPerToken: 0 };

/** Who says that price. */
export const UNKNOWN_SOURCE = 'unknown';

/** A configured price, in USD per million tokens, as a price list. */
export function priceListOf(price: ModelPrice): PriceList {
  const { long_context: longContext, service_tiers: serviceTiers, ...rates } = price;
  const list: PriceList = { ...NO_PRICE, ...ratesOf(rates) };
  if (longContext !== undefined) {
    list.longContext = longContext
      .map(({ above, ...others }) => ({ ...ratesOf(others), aboveTokens: above }))
      .toSorted((left, right) => left.aboveTokens - right.aboveTokens);
  }
  if (serviceTiers !== undefined) {
    list.serviceTiers = Object.fromEntries(
      Object.entries(serviceTiers).map(([tier, others]) => [tier, ratesOf(others ?? {})]),
    );
  }
  return list;
}

const RATE_NAMES = {
  input: 'inputPicosPerToken',
  output: 'outputPicosPerToken',
  cached_input: 'cachedInputPicosPerToken',
  cache_write: 'cacheWritePicosPerToken',
  cache_write_1h: 'cacheWrite1hPicosPerToken',
  reasoning: 'reasoningPicosPerToken',
} as const satisfies Record<string, keyof TokenRates>;

type ConfiguredRates = { [Name in keyof typeof RATE_NAMES]?: number | undefined };

function ratesOf(rates: ConfiguredRates): Partial<TokenRates> {
  return Object.fromEntries(
    Object.entries(rates).flatMap(([name, usdPerMillion]) =>
      usdPerMillion === undefined
        ? []
        : [[RATE_NAMES[name as keyof typeof RATE_NAMES], usdPerMillionToPicosPerToken(usdPerMillion)]],
    ),
  );
}

/** What a call costs by this list, in nano-dollars; rounded up once, so that a bill is never 0 by rounding. */
export function costOfUsage(price: PriceList, usage: TokenUsage): number {
  const rates = ratesFor(price, usage.input_tokens, usage.service_tier);
  const { input_tokens: input, output_tokens: output } = usage;
  // The parts of a sum that a provider tells may be more than the sum; what is charged never is.
  const cached = Math.min(input, usage.cached_input_tokens ?? 0);
  const written = Math.min(input - cached, usage.cache_write_tokens ?? 0);
  const writtenFor1h = Math.min(input - cached - written, usage.cache_write_1h_tokens ?? 0);
  const thought = Math.min(output, usage.reasoning_tokens ?? 0);
  return nanosOfPicos(
    (input - cached - written - writtenFor1h) * rates.input +
      cached * rates.cachedInput +
      written * rates.cacheWrite +
      writtenFor1h * rates.cacheWrite1h +
      (output - thought) * rates.output +
      thought * rates.reasoning,
  );
}

const MOST_PICOS_PER_TOKEN = usdPerMillionToPicosPerToken(MOST_USD_PER_MILLION);

/** The rates of one call, in pico-dollars a token, with nothing left to be looked up elsewhere. */
type CallRates = {
  input: number;
  cachedInput: number;
  cacheWrite: number;
  cacheWrite1h: number;
  output: number;
  reasoning: number;
};

/**
 * A tier's rates are those for prompts of ordinary length. For a long one they are raised in the proportion in which the
 * ordinary rates are: providers give their discounts, and take their surcharges, on the long rates too. Never above the
 * highest rate that a price list may have: where the ordinary rate is next to nothing, a proportion of it can be anything.
 */
function ratesFor(price: PriceList, promptTokens: number, serviceTier: string | undefined): CallRates {
  const step = price.longContext?.findLast(({ aboveTokens }) => promptTokens > aboveTokens);
  const tier = tierOf(price, serviceTier);
  const ordinary = callRatesOf(price);
  if (tier === undefined) return step === undefined ? ordinary : callRatesOf({ ...price, ...step });
  const inTier = callRatesOf({ ...price, ...tier });
  if (step === undefined) return inTier;
  const long = callRatesOf({ ...price, ...step });
  const raised = (rate: keyof CallRates): number =>
    ordinary[rate] === 0
      ? Math.max(inTier[rate], long[rate])
      : Math.min(MOST_PICOS_PER_TOKEN, Math.ceil((inTier[rate] * long[rate]) / ordinary[rate]));
  return {
    input: raised('input'),
    cachedInput: raised('cachedInput'),
    cacheWrite: raised('cacheWrite'),
    cacheWrite1h: raised('cacheWrite1h'),
    output: raised('output'),
    reasoning: raised('reasoning'),
  };
}

/** The name comes from a provider's answer. */
function tierOf({ serviceTiers }: PriceList, name: string | undefined): Partial<TokenRates> | undefined {
  return name !== undefined && serviceTiers !== undefined && Object.hasOwn(serviceTiers, name)
    ? serviceTiers[name]
    : undefined;
}

function callRatesOf(rates: TokenRates): CallRates {
  const { inputPicosPerToken: input, outputPicosPerToken: output } = rates;
  const cacheWrite = rates.cacheWritePicosPerToken ?? input;
  return {
    input,
    cachedInput: rates.cachedInputPicosPerToken ?? input,
    cacheWrite,
    cacheWrite1h: rates.cacheWrite1hPicosPerToken ?? cacheWrite,
    output,
    reasoning: rates.reasoningPicosPerToken ?? output,
  };
}

/** What a token of the prompt and one of the answer cost, for prompts of more than `aboveTokens`. */
export type PriceStep = { aboveTokens: number; inputPicosPerToken: number; outputPicosPerToken: number };

/** In which ways calls may come to be charged. */
export type PossibleCharges = {
  /** Service tiers in which they may be served, besides the ordinary one. */
  serviceTiers: readonly string[];
  /** Whether a provider may charge for writing their prompts to its cache. */
  cacheWrites: boolean;
};

/** What calls will probably cost, step by step from 0 tokens on: nothing in a cache, served in this tier. */
export function expectedSteps(price: PriceList, serviceTier: string | undefined): PriceStep[] {
  return stepsOf(price).map((aboveTokens) => {
    const { input, output } = ratesFor(price, aboveTokens + 1, serviceTier);
    return { aboveTokens, inputPicosPerToken: input, outputPicosPerToken: output };
  });
}

/**
 * What calls can cost at the most, step by step from 0 tokens on: no usage of so many tokens costs more, in whichever
 * way that is possible it is charged. A longer prompt never costs less, even where the price list says so: a prompt's
 * length is not known but bounded.
 */
export function boundSteps(price: PriceList, { serviceTiers, cacheWrites }: PossibleCharges): PriceStep[] {
  let input = 0;
  let output = 0;
  return stepsOf(price).map((aboveTokens) => {
    for (const tier of [undefined, ...serviceTiers]) {
      const rates = ratesFor(price, aboveTokens + 1, tier);
      input = Math.max(input, rates.input, rates.cachedInput);
      if (cacheWrites) input = Math.max(input, rates.cacheWrite, rates.cacheWrite1h);
      output = Math.max(output, rates.output, rates.reasoning);
    }
    return { aboveTokens, inputPicosPerToken: input, outputPicosPerToken: output };
  });
}

/** From where on which rates hold: 0, and where the long prompts begin. */
function stepsOf({ longContext = [] }: PriceList): number[] {
  return [...new Set([0, ...longContext.map(({ aboveTokens }) => aboveTokens)])];
}
