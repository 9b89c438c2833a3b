import { type Command, Option } from 'commander';
import { InputError } from '../domain/errors.ts';
import { Strategy } from '../domain/job.ts';
import { checkBatchId } from '../store/batches.ts';
import type { SubmitOptions } from './batch-run.ts';
import { parseCount, parseUsd } from './options.ts';

/** The flags that `batch run` and `batch submit` share, as commander hands them over. */
export type SubmitFlags = {
  id?: string;
  name?: string;
  task?: string;
  maxCostUsd?: number;
  maxLatencyMs?: number;
  maxTokens?: number;
  maxAttempts?: number;
  lane: string;
  account?: string;
  strategy?: Strategy;
  maxTotalUsd?: number;
  onExhausted?: 'reject' | 'pause';
  anyModel?: boolean;
  skipInvalid?: boolean;
};

export function toSubmitOptions(flags: SubmitFlags): SubmitOptions {
  if (flags.id !== undefined) checkBatchId(flags.id, '--id');
  if (flags.onExhausted !== undefined && flags.maxTotalUsd === undefined) {
    throw new InputError('--on-exhausted says what becomes of rows when --max-total-usd is spent; give that, too');
  }
  return {
    lane: flags.lane,
    anyModel: flags.anyModel ?? false,
    skipInvalid: flags.skipInvalid ?? false,
    ...(flags.id === undefined ? {} : { id: flags.id }),
    ...(flags.name === undefined ? {} : { name: flags.name }),
    ...(flags.maxTotalUsd === undefined ? {} : { maxTotalUsd: flags.maxTotalUsd }),
    ...(flags.onExhausted === undefined ? {} : { onExhausted: flags.onExhausted }),
    defaults: {
      ...(flags.task === undefined ? {} : { task: flags.task }),
      ...(flags.maxCostUsd === undefined ? {} : { max_cost_usd: flags.maxCostUsd }),
      ...(flags.maxLatencyMs === undefined ? {} : { max_latency_ms: flags.maxLatencyMs }),
      ...(flags.maxTokens === undefined ? {} : { max_tokens: flags.maxTokens }),
      ...(flags.maxAttempts === undefined ? {} : { max_attempts: flags.maxAttempts }),
      ...(flags.account === undefined ? {} : { account: flags.account }),
      ...(flags.strategy === undefined ? {} : { strategy: flags.strategy }),
    },
  };
}

export function withSubmitFlags(command: Command): Command {
  return command
    .argument('<file>', 'JSONL: our own rows, or batch lines of OpenAI, Anthropic or Google; - for stdin')
    .option('--id <id>', "the batch's id (default: from its content, so that the same file is the same batch)")
    .option('--name <text>', 'a name for lists')
    .option('--task <task>', 'task of rows that name none')
    .option('--max-cost-usd <usd>', 'what one attempt may cost', parseUsd)
    .option('--max-latency-ms <ms>', 'how long one attempt may take', parseCount)
    .option('--max-tokens <n>', 'tokens that an answer may have', parseCount)
    .option('--max-attempts <n>', 'attempts of a row on all models; 1 turns fallbacks off', parseCount)
    .option('--lane <lane>', 'lane of rows whose task has none', 'batch')
    .option('--account <name>', 'who pays')
    .addOption(new Option('--strategy <name>', 'how models are ranked').choices(Strategy.options))
    .option('--max-total-usd <usd>', 'cap on the whole batch', parseUsd)
    .addOption(
      new Option(
        '--on-exhausted <how>',
        'rows that the cap has no room for: have them fail, or pause the batch',
      ).choices(['reject', 'pause']),
    )
    .option('--any-model', 'route rows freely, whatever model they name')
    .option('--skip-invalid', 'set bad lines aside instead of refusing the batch');
}
