import type { ModelConfig, ProviderConfig } from '../domain/config.ts';
import type { PriceCatalogue } from './price-catalogue.ts';
import { isOwnServer } from './prices.ts';

/** What a person should know of a model before they rely on it: a word for it, and a sentence. */
export type ModelWarning = { kind: 'unpriced' | 'unpinned' | 'deprecated'; message: string };

/** Ids that stand for whatever their provider thinks best at the time. */
const FLOATING_ID = /^~|[-:]latest$|(^|\/)auto$/;

export function warningsOf(model: ModelConfig, provider: ProviderConfig, catalogue: PriceCatalogue): ModelWarning[] {
  const { id, price } = model;
  const known = isOwnServer(provider) ? undefined : catalogue.find(provider, id);
  const warnings: ModelWarning[] = [];
  if (price === undefined) {
    const reason = known?.unpriced === undefined ? 'nobody knows its price' : `no price: ${known.unpriced}`;
    warnings.push({ kind: 'unpriced', message: reason });
  }
  const pinned = pinnedIdFor(id, provider, known?.datedIds ?? []);
  if (FLOATING_ID.test(id)) {
    warnings.push({ kind: 'unpinned', message: `${id} is another model, at another price, from time to time` });
  } else if (pinned !== undefined) {
    warnings.push({ kind: 'unpinned', message: `${id} may come to mean another model; ${pinned} does not` });
  }
  if (known?.deprecated) warnings.push({ kind: 'deprecated', message: `${catalogue.source} lists it as deprecated` });
  return warnings;
}

/** The latest dated id, where the provider's own API takes it: gateways and deployments have ids of their own. */
function pinnedIdFor(id: string, { kind }: ProviderConfig, datedIds: readonly string[]): string | undefined {
  if (kind !== 'openai' && kind !== 'anthropic' && kind !== 'google') return undefined;
  const ownDates = datedIds.filter((dated) => dated.startsWith(`${id}-`) && /^[\d-]+$/.test(dated.slice(id.length)));
  return ownDates.toSorted().at(-1);
}
