import { once } from 'node:events';
import { Command, Option } from 'commander';
import { InputError } from '../../domain/errors.ts';
import {
  createReplay,
  createTaskReader,
  recordedTextOf,
  RecordedPrompt,
  RecordedRow,
  type TaskReader,
  trainTextModel,
} from '../../router/index.ts';
import { contextOf } from '../context.ts';
import { formatCount } from '../format.ts';
import { SLUICE } from '../invocation.ts';
import { readRecorded, readRecordedModels } from './recorded-files.ts';

type Flags = { train: string; models: string; data: string; objective: 'quality' | 'cost' };

export const replayCommand = new Command('replay')
  .description('learn from recorded outcomes, and say which model each of other prompts would go to; calls nobody')
  .requiredOption('--train <file>', 'recorded rows: id, task, prompt, outcomes by model (JSON Lines)')
  .requiredOption('--models <file>', 'the models, with list prices where they are known (JSON)')
  .requiredOption('--data <file>', 'prompts to route: id, prompt and, where it is known, task (JSON Lines)')
  .addOption(
    new Option('--objective <name>', 'best expected score, or cheapest that is not worse than the best single model')
      .choices(['quality', 'cost'])
      .default('quality'),
  )
  .addHelpText(
    'after',
    `
Prints one JSON line a prompt: id, model, chain, predicted {score, cost_usd}.
The models are {name: {input_usd_per_mtok?, output_usd_per_mtok?}}.
A row's outcomes are {model: {score, cost_usd?, input_tokens?, output_tokens?,
latency_ms?}}, scores from 0 to 1; a model need not have an outcome in every row.

Example:
  $ ${SLUICE} router replay --train rows.jsonl --models models.json --data new.jsonl --objective cost`,
  )
  .action(async (flags: Flags, command: Command) => {
    const context = contextOf(command);
    const models = readRecordedModels(flags.models);
    const train = await collect(readRecorded(flags.train, RecordedRow));
    if (!train.some(({ outcomes }) => Object.keys(outcomes).some((name) => Object.hasOwn(models, name)))) {
      throw new InputError(`${flags.train}: no row has an outcome of a model in ${flags.models}`);
    }
    const prompts = await collect(readRecorded(flags.data, RecordedPrompt));
    const untold = prompts.filter(({ task }) => task === undefined).length;
    const reader = untold > 0 ? readerOfTasks(train) : undefined;
    const replay = createReplay(train, models, reader ? { reader } : {});
    context.note(
      `learned from ${formatCount(train.length)} rows; routing ${formatCount(prompts.length)}, ${describeTasks(untold, reader)}`,
    );
    if (replay.unpriced.length > 0) {
      context.note(`taken for free, without a list price or a recorded cost: ${replay.unpriced.join(', ')}`);
    }
    for (const prompt of prompts) {
      const decision = replay.decide(prompt, { objective: flags.objective });
      if (decision === undefined) throw new InputError(`${flags.data}: ${prompt.id}: no model may serve it`);
      if (!process.stdout.write(`${JSON.stringify(decision)}\n`)) await once(process.stdout, 'drain');
    }
  });

async function collect<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const list: Item[] = [];
  for await (const item of items) list.push(item);
  return list;
}

/** Undefined when the rows that are learned from tell too little of tasks. */
function readerOfTasks(train: readonly RecordedRow[]): TaskReader | undefined {
  // In an order of their own: what a model learns depends on it a little, and the order of a file means nothing.
  const samples = train
    .flatMap((row) => (row.task === undefined ? [] : [{ text: recordedTextOf(row), task: row.task }]))
    .toSorted((left, right) => (left.text < right.text ? -1 : Number(left.text > right.text)));
  return new Set(samples.map(({ task }) => task)).size < 2 ? undefined : createTaskReader(trainTextModel(samples));
}

function describeTasks(untold: number, reader: TaskReader | undefined): string {
  if (untold === 0) return 'all with their task';
  const how = reader ? 'whose tasks are read from their prompts' : 'whose tasks cannot be read: the rows tell none';
  return `${formatCount(untold)} without a task, ${how}`;
}
