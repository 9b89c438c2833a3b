import { nanosToUsd } from '../../domain/money.ts';
import type { BatchStatus } from '../../store/batches.ts';
import type { OrderProgress, OrderUsage, StoredOrder } from '../../store/batch-orders.ts';
import type { ApiObject } from '../list.ts';

type ApiStatus =
  | 'validating'
  | 'failed'
  | 'in_progress'
  | 'finalizing'
  | 'completed'
  | 'expired'
  | 'cancelling'
  | 'cancelled';

/** An order as OpenAI's Batch object (https://platform.openai.com/docs/api-reference/batch/object). */
export function batchObject(stored: StoredOrder, status: BatchStatus | undefined): ApiObject {
  const { order, progress, cancellingAt } = stored;
  const told = statusOf(progress, cancellingAt);
  const ended = (end: ApiStatus): number | undefined => (told === end ? progress.endedAt : undefined);
  const isCancelled = told === 'cancelling' || told === 'cancelled';
  return {
    id: order.id,
    object: 'batch',
    endpoint: order.endpoint,
    ...(order.model === undefined ? {} : { model: order.model }),
    errors: progress.errors ? errorList(progress.errors, progress.errorCount) : null,
    input_file_id: order.inputFileId,
    completion_window: order.completionWindow,
    status: told,
    output_file_id: progress.outputFileId ?? null,
    error_file_id: progress.errorFileId ?? null,
    created_at: seconds(order.createdAt),
    in_progress_at: seconds(progress.inProgressAt),
    expires_at: seconds(order.expiresAt),
    finalizing_at: seconds(progress.finalizingAt),
    completed_at: seconds(ended('completed')),
    failed_at: seconds(ended('failed')),
    expired_at: seconds(ended('expired')),
    cancelling_at: isCancelled ? seconds(cancellingAt ?? progress.finalizingAt) : null,
    cancelled_at: seconds(ended('cancelled')),
    request_counts: {
      total: progress.total ?? 0,
      completed: progress.completed ?? status?.completed ?? 0,
      failed: progress.failed ?? status?.failed ?? 0,
    },
    ...(progress.usage ? { usage: usageObject(progress.usage) } : {}),
    metadata: order.metadata ?? null,
  };
}

function statusOf({ stage }: OrderProgress, cancellingAt: number | undefined): ApiStatus {
  switch (stage) {
    case 'validating':
      return cancellingAt === undefined ? 'validating' : 'cancelling';
    case 'enqueueing':
    case 'running':
      return cancellingAt === undefined ? 'in_progress' : 'cancelling';
    case 'finalizing':
      return cancellingAt === undefined ? 'finalizing' : 'cancelling';
    default:
      return stage;
  }
}

/** Clients know what they are told of as `null` as what has not happened. */
function seconds(atMs: number): number;
function seconds(atMs: number | undefined): number | null;
function seconds(atMs: number | undefined): number | null {
  return atMs === undefined ? null : Math.floor(atMs / 1_000);
}

function errorList(data: NonNullable<OrderProgress['errors']>, count = data.length): object {
  return { object: 'list', data, total: count };
}

function usageObject(usage: OrderUsage): object {
  const { input_tokens, cached_tokens, output_tokens, reasoning_tokens, cost_nanos } = usage;
  return {
    input_tokens,
    input_tokens_details: { cached_tokens },
    output_tokens,
    output_tokens_details: { reasoning_tokens },
    total_tokens: input_tokens + output_tokens,
    cost: nanosToUsd(cost_nanos),
  };
}
