import { z } from 'zod';
import type { Config } from '../domain/config.ts';
import { check } from '../domain/issues.ts';
import type { PromptJob, Strategy } from '../domain/job.ts';
import { ApiError } from './api-error.ts';
import { errorOfProblems } from './failures.ts';
import type { NamedModel } from './model-names.ts';

const PROMISE = 'Sluice cannot promise it for every provider; leave it out, and configure only providers that do';
const Names = z.array(z.string().min(1).max(128)).max(100).nullish();
const Sort = z.enum(['price', 'throughput', 'latency']);
const Usd = z
  .union([
    z.number().min(0),
    z
      .string()
      .regex(/^\d+(\.\d+)?$/, 'a number of USD')
      .transform(Number),
  ])
  .nullish();

/**
 * OpenRouter's `provider` (https://openrouter.ai/docs/guides/routing/provider-selection), for our own providers. What is
 * no more than a preference among equals is let through; what would be a promise that nobody keeps is refused.
 */
const Preferences = z.strictObject({
  order: Names,
  only: Names,
  ignore: Names,
  allow_fallbacks: z.boolean().nullish(),
  /** Always so: a model that cannot do what is asked is left out. */
  require_parameters: z.boolean().nullish(),
  sort: z.union([Sort, z.strictObject({ by: Sort, partition: z.enum(['model', 'none']).nullish() })]).nullish(),
  /** USD per million tokens. */
  max_price: z
    .strictObject({ prompt: Usd, completion: Usd, request: z.unknown().optional(), image: z.unknown().optional() })
    .nullish(),
  data_collection: z.literal('allow', PROMISE).nullish(),
  zdr: z.literal(false, PROMISE).nullish(),
  enforce_distillable_text: z.literal(false, PROMISE).nullish(),
  quantizations: z.array(z.string()).max(0, PROMISE).nullish(),
  preferred_min_throughput: z.unknown().optional(),
  preferred_max_latency: z.unknown().optional(),
});
type Preferences = z.infer<typeof Preferences>;

const STRATEGIES: Record<z.infer<typeof Sort>, Strategy> = { price: 'cost', throughput: 'latency', latency: 'latency' };

/** What a request's `model`, `models` and `provider` say together. Throws an ApiError 400, or 404 when no model is left. */
export function applyPreferences(
  named: NamedModel,
  provider: unknown,
  config: Pick<Config, 'models' | 'providers'>,
): NamedModel & Pick<PromptJob, 'max_attempts'> {
  if (provider === undefined || provider === null) return named;
  const checked = check(Preferences, provider);
  if (!checked.ok) throw errorOfProblems(checked.problems, (path) => ['provider', ...path]);
  const { value: wish } = checked;
  const strategy = sortOf(wish);
  const all = named.models ?? Object.keys(config.models);
  const allowed = all.filter((alias) => isAllowed(alias, wish, config));
  const isNarrowed = Boolean(wish.order?.length) || allowed.length < all.length;
  if (allowed.length === 0) {
    const message = 'none of the models is of a provider, and at a price, that "provider" allows';
    throw new ApiError(404, 'invalid_request_error', message, { code: 'model_not_found', param: 'provider' });
  }
  return {
    ...named,
    ...(isNarrowed && { models: inOrder(allowed, wish, config) }),
    ...(isNarrowed && wish.order?.length && { strategy: 'order' as const }),
    ...(strategy && { strategy }),
    // With an order, it is the providers of the list that are tried, and no others.
    ...(wish.allow_fallbacks === false && !wish.order?.length && { max_attempts: 1 }),
  };
}

function sortOf({ sort }: Preferences): Strategy | undefined {
  const by = typeof sort === 'object' && sort !== null ? sort.by : sort;
  return by ? STRATEGIES[by] : undefined;
}

function isAllowed(alias: string, wish: Preferences, { models }: Pick<Config, 'models'>): boolean {
  const model = models[alias];
  if (model === undefined) return false;
  if (wish.only?.length && !wish.only.includes(model.provider)) return false;
  if (wish.ignore?.includes(model.provider)) return false;
  if (wish.allow_fallbacks === false && wish.order?.length && !wish.order.includes(model.provider)) return false;
  const { prompt, completion } = wish.max_price ?? {};
  if (prompt !== undefined && prompt !== null && !((model.price?.input ?? Infinity) <= prompt)) return false;
  return completion === undefined || completion === null || (model.price?.output ?? Infinity) <= completion;
}

/** Models of the providers that were named come first, in the order in which these were. */
function inOrder(aliases: readonly string[], { order }: Preferences, { models }: Pick<Config, 'models'>): string[] {
  const placeOf = (alias: string): number => {
    const place = order?.indexOf(models[alias]?.provider ?? '') ?? -1;
    return place === -1 ? Infinity : place;
  };
  return aliases.toSorted((left, right) => {
    const [one, other] = [placeOf(left), placeOf(right)];
    return one === other ? 0 : one - other;
  });
}
