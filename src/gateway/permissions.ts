import type { Config } from '../domain/config.ts';
import type { PromptJob, QueuedJob } from '../domain/job.ts';
import { defaultLane } from '../producer/index.ts';
import { ApiError } from './api-error.ts';
import type { Caller } from './caller.ts';

/** What a request asks for, as far as keys allow it or not. */
export type AskedFor = {
  /** The aliases that it names; undefined leaves the choice to the router. */
  models?: readonly string[] | undefined;
  task?: string | undefined;
  lane?: string | undefined;
  isEmbedding: boolean;
};

/**
 * What the caller's key adds to the job: the models that the router may choose from, and the lane, where the request names
 * none. Throws an ApiError 403 for a model (`model_not_allowed`) or a lane (`lane_not_allowed`) that it may not name.
 */
export function permit(caller: Caller, asked: AskedFor, config: Config): Pick<PromptJob, 'models' | 'lane'> {
  return { ...permitModels(caller, asked, config), ...permitLane(caller, asked, config) };
}

function permitModels(caller: Caller, asked: AskedFor, config: Config): Pick<PromptJob, 'models'> {
  const { models: allowed } = caller;
  if (allowed === undefined) return {};
  if (asked.models !== undefined) {
    const refused = asked.models.find((alias) => !allowed.includes(alias));
    if (refused === undefined) return {};
    throw modelNotAllowed(`this key may not use model "${refused}"; it may use ${allowed.join(', ')}`);
  }
  const ofTask = asked.task === undefined ? undefined : config.tasks[asked.task]?.models;
  const isFitting = (alias: string): boolean =>
    Object.hasOwn(config.models, alias) &&
    config.models[alias]?.capabilities.includes('embeddings') === asked.isEmbedding;
  const known = new Set(allowed);
  const fitting = (ofTask ?? allowed).filter((alias) => known.has(alias) && isFitting(alias));
  const all = (ofTask ?? Object.keys(config.models)).filter(isFitting);
  // A list is a wish for these and no others; where it names all of them there is none.
  if (fitting.length > 0) return all.every((alias) => known.has(alias)) ? {} : { models: fitting };
  const what = ofTask === undefined ? (asked.isEmbedding ? 'embeds' : 'chats') : `is for task "${asked.task}"`;
  throw modelNotAllowed(`none of the models that this key may use ${what}; it may use ${allowed.join(', ')}`);
}

/** A lane that is not named is the usual one of the job, where that is allowed; else the first that is. */
function permitLane({ lanes: allowed }: Caller, asked: AskedFor, config: Config): Pick<PromptJob, 'lane'> {
  if (allowed === undefined) return {};
  const ofTask = asked.task === undefined ? undefined : config.tasks[asked.task]?.lane;
  const lane = asked.lane ?? ofTask ?? defaultLane(config);
  if (allowed.includes(lane)) return { lane };
  const other = allowed.find((each) => Object.hasOwn(config.lanes, each));
  if (asked.lane === undefined && other !== undefined) return { lane: other };
  const message = `this key may not use lane "${lane}"; it may use ${allowed.join(', ')}`;
  throw new ApiError(403, 'invalid_request_error', message, { code: 'lane_not_allowed', param: 'lane' });
}

function modelNotAllowed(message: string): ApiError {
  return new ApiError(403, 'invalid_request_error', message, { code: 'model_not_allowed', param: 'model' });
}

/** What the caller's jobs carry of his key, by which the ledger knows its budget and its usage. */
export function apiKeyOf({ key }: Caller): QueuedJob['api_key'] {
  if (!key) return undefined;
  const { id, budgetUsd, budgetWindow } = key;
  return {
    id,
    ...(budgetUsd !== undefined && { budget_usd: budgetUsd }),
    ...(budgetWindow !== undefined && { budget_window: budgetWindow }),
  };
}
