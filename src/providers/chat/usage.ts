import { z } from 'zod';
import { usdToNanos } from '../../domain/money.ts';
import type { TokenUsage } from '../../domain/usage.ts';
import { TokenCount } from '../token-count.ts';

/** Nonsense counts as not said. */
const Usd = z.number().min(0).max(100_000).nullish().catch(null);

/** What chat completions say of their work. The same count goes by several names. */
export const ChatUsage = z
  .object({
    prompt_tokens: TokenCount,
    completion_tokens: TokenCount,
    total_tokens: TokenCount,
    prompt_tokens_details: z
      .object({
        cached_tokens: TokenCount,
        /** OpenRouter's name, and LiteLLM's. */
        cache_write_tokens: TokenCount,
        cache_creation_tokens: TokenCount,
      })
      .nullish()
      .catch(null),
    completion_tokens_details: z.object({ reasoning_tokens: TokenCount }).nullish().catch(null),
    /** Anthropic's names, as gateways hand them on. */
    cache_read_input_tokens: TokenCount,
    cache_creation_input_tokens: TokenCount,
    /** DeepSeek's name. */
    prompt_cache_hit_tokens: TokenCount,
    /** What OpenRouter charges, in USD; for a key of one's own at the provider behind it, its fee alone. */
    cost: Usd,
    is_byok: z.boolean().nullish().catch(null),
    cost_details: z.object({ upstream_inference_cost: Usd }).nullish().catch(null),
  })
  .nullish()
  .catch(null);
export type ChatUsage = z.infer<typeof ChatUsage>;

/** Served in the usual way; anything else has a price of its own. */
const USUAL_TIERS = new Set(['default', 'auto', 'standard', 'on_demand']);

export function toUsage(usage: ChatUsage, serviceTier: string | null | undefined): TokenUsage {
  // No request has no tokens: servers that do not count say 0.
  if (!usage?.prompt_tokens || typeof usage.completion_tokens !== 'number') {
    return { input_tokens: 0, output_tokens: 0, estimated: true };
  }
  const read = usage.prompt_tokens_details?.cached_tokens ?? usage.cache_read_input_tokens;
  const cached = read ?? usage.prompt_cache_hit_tokens ?? 0;
  const { cache_write_tokens: writtenAtOpenRouter, cache_creation_tokens: created } = usage.prompt_tokens_details ?? {};
  const written = writtenAtOpenRouter ?? created ?? usage.cache_creation_input_tokens ?? 0;
  const told = usage.completion_tokens_details?.reasoning_tokens;
  const { input, output, thought } = addWhatIsApart(usage, cached + written, told);

  const tokens: TokenUsage = { input_tokens: input, output_tokens: output };
  if (cached > 0 && cached <= input) tokens.cached_input_tokens = cached;
  if (written > 0 && cached + written <= input) tokens.cache_write_tokens = written;
  const reasoning = told ?? thought;
  if (reasoning > 0 && reasoning <= output) tokens.reasoning_tokens = reasoning;
  if (serviceTier && !USUAL_TIERS.has(serviceTier) && /^[a-z_]{1,32}$/.test(serviceTier)) {
    tokens.service_tier = serviceTier;
  }
  return tokens;
}

/**
 * Some count a part outside of `prompt_tokens` and `completion_tokens`, which only `total_tokens` betrays: Portkey what
 * Anthropic cached; xAI, and Google's OpenAI-compatible API without a word for it, what was thought.
 */
function addWhatIsApart(
  usage: NonNullable<ChatUsage>,
  cacheTokens: number,
  reasoning: number | null | undefined,
): { input: number; output: number; thought: number } {
  const { prompt_tokens: input, completion_tokens: output, total_tokens: total } = usage;
  const counted = { input: input ?? 0, output: output ?? 0 };
  const apart = (total ?? 0) - counted.input - counted.output;
  if (apart <= 0) return { ...counted, thought: 0 };
  if (apart === cacheTokens) return { ...counted, input: counted.input + apart, thought: 0 };
  const isThought = apart === reasoning || reasoning === null || reasoning === undefined;
  return isThought ? { ...counted, output: counted.output + apart, thought: apart } : { ...counted, thought: 0 };
}

/** What the answer itself says that it cost, in nano-dollars. */
export function chargeOf(usage: ChatUsage): number | undefined {
  if (typeof usage?.cost !== 'number') return undefined;
  if (!usage.is_byok) return usdToNanos(usage.cost);
  const upstream = usage.cost_details?.upstream_inference_cost;
  return typeof upstream === 'number' ? usdToNanos(usage.cost + upstream) : undefined;
}
