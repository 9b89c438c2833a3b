import type { KnownModel } from '../../config/price-catalogue.ts';
import { formatCount } from '../format.ts';
import type { Column } from '../table.ts';

type Filters = { provider?: string; maxPrice?: number; text?: string };

/** The models in whose provider, id and name all words of the query are found, by provider and id. */
export function searchCatalogue(all: readonly KnownModel[], query: string, filters: Filters): KnownModel[] {
  const words = `${query} ${filters.text ?? ''}`
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== '');
  return all
    .filter(({ provider }) => filters.provider === undefined || provider === filters.provider)
    .filter(
      ({ price }) =>
        filters.maxPrice === undefined || (price && Math.max(price.input, price.output) <= filters.maxPrice),
    )
    .filter(({ provider, id, name }) => {
      const text = `${provider}/${id} ${name}`.toLowerCase();
      return words.every((word) => text.includes(word));
    })
    .toSorted((left, right) => left.provider.localeCompare(right.provider) || left.id.localeCompare(right.id));
}

/** The table's columns and cells. */
export function renderKnownModels(models: readonly KnownModel[]): [readonly Column[], string[][]] {
  const columns: Column[] = [
    { title: 'provider' },
    { title: 'id' },
    { title: '$ in', align: 'right' },
    { title: '$ out', align: 'right' },
    { title: '$ cached', align: 'right' },
    { title: 'context', align: 'right' },
    { title: 'note' },
  ];
  const cells = models.map(({ provider, id, price, unpriced, context, deprecated }) => [
    provider,
    id,
    price === undefined ? '?' : String(price.input),
    price === undefined ? '?' : String(price.output),
    price?.cached_input === undefined ? '' : String(price.cached_input),
    context === undefined ? '-' : formatCount(context),
    [...(deprecated ? ['deprecated'] : []), ...(price?.long_context ? ['dearer when long'] : []), unpriced ?? []]
      .flat()
      .join('; '),
  ]);
  return [columns, cells];
}

/** A model for programs. */
export function knownModelFacts({ provider, id, name, price, unpriced, context, deprecated }: KnownModel): object {
  return {
    provider,
    id,
    name,
    price: price ?? null,
    ...(unpriced === undefined ? {} : { unpriced }),
    context: context ?? null,
    deprecated,
  };
}
