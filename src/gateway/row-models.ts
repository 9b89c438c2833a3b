import type { Config } from '../domain/config.ts';
import type { PromptJob } from '../domain/job.ts';
import { ApiError } from './api-error.ts';
import { resolveModel } from './model-names.ts';
import { applyPreferences } from './preferences.ts';

export type RowModel = { ok: true; fields: Partial<PromptJob> } | { ok: false; message: string };

/** What a name in `model` says about a row of a batch, with OpenRouter's preferences where there are any. */
export function fieldsOfModel(name: string, config: Config, provider?: unknown): RowModel {
  try {
    const { models, ...rest } = applyPreferences(resolveModel(name, config), provider, config);
    if (models === undefined) return { ok: true, fields: rest };
    const [first, ...others] = models;
    const named = first !== undefined && others.length === 0 ? { model: first } : { models: [...models] };
    return { ok: true, fields: { ...rest, ...named } };
  } catch (error) {
    if (error instanceof ApiError) return { ok: false, message: error.message };
    throw error;
  }
}

/** Likewise for the command line, which tells in its own words of a name that stands for nothing. */
export function modelsOfRows(config: Config): (name: string) => RowModel {
  return (name) => {
    const named = fieldsOfModel(name, config);
    return named.ok ? named : { ok: true, fields: { model: name } };
  };
}
