import type { IncomingHttpHeaders } from 'node:http';
import { z } from 'zod';
import type { Config } from '../../domain/config.ts';
import { durationOf } from '../../domain/duration.ts';
import { problemOfWebhook } from '../../providers/index.ts';
import type { BatchOrder } from '../../store/batch-orders.ts';
import { ApiError, badRequest } from '../api-error.ts';
import type { Caller } from '../caller.ts';
import { readFields } from '../fields.ts';
import { FileExpiry } from '../files/expiry.ts';
import { AUTO, resolveModel } from '../model-names.ts';
import { applyPreferences } from '../preferences.ts';
import { apiKeyOf } from '../permissions.ts';
import { jobOf } from '../wishes.ts';
import { BATCH_ENDPOINTS } from './endpoints.ts';
import { laneOfOrder } from './lane.ts';
import type { Identity } from './order-id.ts';

const HOUR_MS = 3_600_000;
const DEFAULT_WINDOW = '24h';
const readWindow = durationOf(HOUR_MS, 7 * 24 * HOUR_MS);
/** Of the time for which results are kept: the first is still there when the last one is written out. */
const MOST_OF_KEEP = 0.9;

const endpoint = z
  .string()
  .refine((path) => Object.hasOwn(BATCH_ENDPOINTS, path), `expected ${Object.keys(BATCH_ENDPOINTS).join(' | ')}`);

const shared = {
  endpoint,
  completion_window: z.string().default(DEFAULT_WINDOW),
  metadata: z.record(z.string().max(64), z.string().max(512)).nullish(),
  output_expires_after: FileExpiry.nullish(),
  callback_url: z.string().max(2_048).optional(),
};

/** OpenAI's: https://platform.openai.com/docs/api-reference/batch/create */
const FromFile = z.strictObject({ ...shared, input_file_id: z.string().min(1).max(128) });

/** OpenRouter's: https://openrouter.ai/docs/guides/features/batch-api */
const Inline = z.strictObject({
  ...shared,
  model: z.string().min(1).max(256).optional(),
  provider: z.unknown().optional(),
  requests: z
    .array(z.strictObject({ custom_id: z.string().min(1).max(256), body: z.record(z.string(), z.unknown()) }))
    .min(1),
});

export type InlineRequest = z.infer<typeof Inline>['requests'][number];

/** An order that waits for its input: the file of that id, or the requests, which are to be written into one. */
export type NewOrder = {
  order: Omit<BatchOrder, 'inputFileId'>;
  input: { fileId: string } | { requests: readonly InlineRequest[] };
};

type Asker = {
  identity: Identity;
  caller: Caller;
  headers: IncomingHttpHeaders;
  config: Config;
  now: number;
};

/** Reads what was asked for; throws an ApiError for what is wrong with it. */
export async function readOrder(body: unknown, asker: Asker): Promise<NewOrder> {
  const { identity, caller, headers, config, now } = asker;
  const asked = readBody(body);
  const model = 'model' in asked ? asked.model : undefined;
  const provider = 'provider' in asked ? asked.provider : undefined;
  // Here, so that it is told at once and not by a batch that fails.
  applyPreferences(resolveModel(model ?? AUTO, config), provider, config);
  const { wishes, metadata, maxTotalUsd } = readWishes(asked.metadata ?? undefined, headers, config);
  const lane = laneOfOrder(wishes.lane, caller, config);
  const apiKey = apiKeyOf(caller);
  const callbackUrl = await callbackOf(asked.callback_url, headers, config);
  const windowMs = Math.min(windowOf(asked.completion_window), Math.floor(config.results.keep * MOST_OF_KEEP));
  const expiry = asked.output_expires_after;
  return {
    order: {
      ...identity,
      account: caller.account,
      ...(apiKey && { apiKey }),
      ...(caller.models && { models: caller.models }),
      ...(caller.lanes && { lanes: caller.lanes }),
      lane,
      defaults: wishes,
      ...(provider !== undefined && { provider }),
      ...(maxTotalUsd !== undefined && { maxTotalUsd }),
      endpoint: asked.endpoint,
      completionWindow: asked.completion_window,
      createdAt: now,
      expiresAt: now + windowMs,
      ...(metadata && { metadata }),
      ...(expiry && { outputKeepMs: expiry.seconds * 1_000 }),
      isInline: 'requests' in asked,
      ...(model !== undefined && { model }),
      ...(callbackUrl !== undefined && { callbackUrl }),
    },
    input: 'requests' in asked ? { requests: asked.requests } : { fileId: asked.input_file_id },
  };
}

function readBody(body: unknown) {
  const has = (field: string): boolean => typeof body === 'object' && body !== null && field in body;
  if (!has('requests')) return readFields(FromFile, body);
  if (has('input_file_id')) throw badRequest('give input_file_id or requests, not both', 'input_file_id');
  return readFields(Inline, body);
}

/** What `x-sluice-...` headers and entries of `metadata` say holds for all rows; the cap is one for all of them together. */
function readWishes(metadata: Record<string, string> | undefined, headers: IncomingHttpHeaders, config: Config) {
  if (Object.keys(metadata ?? {}).length > 16) {
    throw new ApiError(400, 'invalid_request_error', 'metadata: must be at most 16 entries', { param: 'metadata' });
  }
  const job = jobOf({ job: metadata ? { metadata } : {}, model: AUTO, isStream: false }, headers, config);
  const { metadata: others, max_total_usd: maxTotalUsd, ...wishes } = job;
  if (wishes.task !== undefined && !Object.hasOwn(config.tasks, wishes.task)) {
    throw new ApiError(400, 'invalid_request_error', `there is no task ${JSON.stringify(wishes.task)} here`, {
      param: 'headers',
    });
  }
  return { wishes, metadata: others, maxTotalUsd };
}

function windowOf(text: string): number {
  const read = readWindow.safeParse(text);
  if (read.success) return read.data;
  const message = `completion_window: ${read.error.issues[0]?.message ?? 'expected a duration such as 24h'}`;
  throw new ApiError(400, 'invalid_request_error', message, { param: 'completion_window' });
}

async function callbackOf(
  fromBody: string | undefined,
  headers: IncomingHttpHeaders,
  config: Config,
): Promise<string | undefined> {
  const fromHeader = headers['x-sluice-callback-url'];
  const url = fromBody ?? (typeof fromHeader === 'string' ? fromHeader : undefined);
  if (url === undefined) return undefined;
  const { secret, allow_private: allowPrivate } = config.gateway.webhooks;
  const problem =
    secret === undefined
      ? 'nothing can be signed here: the operator has set no gateway.webhooks.secret'
      : await problemOfWebhook(url, allowPrivate);
  if (problem === undefined) return url;
  throw new ApiError(400, 'invalid_request_error', `callback_url: ${problem}`, { param: 'callback_url' });
}
