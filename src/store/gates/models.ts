import { type Config, keysOf } from '../../domain/config.ts';
import type { GatedModel } from './closed.ts';

/** Whose gates are watched: every configured model, with the keys of its provider. */
export function gatedModelsOf({ models, providers }: Pick<Config, 'models' | 'providers'>): GatedModel[] {
  return Object.entries(models).map(([alias, { provider, id }]) => ({
    alias,
    provider,
    id,
    keys: keysOf(providers[provider] ?? {}).map(({ gate }) => gate),
  }));
}
