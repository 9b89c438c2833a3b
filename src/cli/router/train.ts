import { createReadStream } from 'node:fs';
import { dirname, relative, resolve } from 'node:path';
import { Command } from 'commander';
import { reasonOf, replaceText } from '../../config/text-file.ts';
import type { Config } from '../../domain/config.ts';
import { InputError } from '../../domain/errors.ts';
import { readLines } from '../../producer/index.ts';
import { Queues } from '../../producer/queues.ts';
import { MOST_TASKS, type TextModel, trainTextModel } from '../../router/index.ts';
import { requireConfigWithoutKeys } from '../config-view.ts';
import { type Context, contextOf } from '../context.ts';
import { formatCount, plural } from '../format.ts';
import { SLUICE } from '../invocation.ts';
import { openRedis } from '../redis.ts';
import { printable } from '../table.ts';
import { Samples } from './samples.ts';

type Flags = { to?: string; json?: boolean };

const DEFAULT_FILE = 'task-model.json';
const PROBLEMS_TOLD = 20;
/** With fewer prompts a task is hardly told from others. */
const FEW = 20;

export const trainCommand = new Command('train')
  .description('train the text model that reads the task of a job from its prompt, where the job names none')
  .argument('[files...]', 'rows with a task, one a line, as for batches (default: the finished jobs of the queue)')
  .option('--to <file>', `where the model is written (default: the one that is configured, else ${DEFAULT_FILE})`)
  .option('--json', 'print one JSON object')
  .addHelpText('after', `\nExample:\n  $ ${SLUICE} router train labelled.jsonl --to task-model.json`)
  .action(async (files: string[], flags: Flags, command: Command) => {
    const context = contextOf(command);
    const config = requireConfigWithoutKeys(context);
    const samples = files.length > 0 ? await readFiles(context, files) : await readPastJobs(context, config);
    demandEnough(samples);
    context.note(`training with ${plural(samples.samples.length, 'prompt')}...`);
    const model = trainTextModel(samples.samples);
    const place = placeOf(context, config, flags.to);
    replaceText(place.path, `${JSON.stringify(model)}\n`);
    if (flags.json) context.print(JSON.stringify(factsOf(model, samples, place.path)));
    else describe(context, { model, samples, config, place });
  });

async function readFiles(context: Context, files: readonly string[]): Promise<Samples> {
  const samples = new Samples();
  const problems: string[] = [];
  for (const file of files) {
    try {
      for await (const line of readLines(createReadStream(resolve(context.directory, file)) as AsyncIterable<Buffer>)) {
        const problem = samples.addLine(line);
        if (problem !== undefined) problems.push(`${file}:${line.number}: ${problem}`);
      }
    } catch (error) {
      throw error instanceof Error && 'syscall' in error
        ? new InputError(`cannot read ${file}: ${reasonOf(error)}`)
        : error;
    }
  }
  if (problems.length === 0) return samples;
  const untold = problems.length - PROBLEMS_TOLD;
  throw new InputError([...problems.slice(0, PROBLEMS_TOLD), ...(untold > 0 ? [`and ${untold} more bad lines`] : [])]);
}

async function readPastJobs(context: Context, config: Config): Promise<Samples> {
  const samples = new Samples();
  const opened = await openRedis(context, config.redis.url);
  const queues = new Queues(opened.redis, config);
  try {
    for await (const job of queues.completed()) samples.add(job);
  } finally {
    await queues.close();
    await opened.close();
  }
  return samples;
}

function demandEnough(samples: Samples): void {
  const tasks = samples.tasks();
  if (tasks.length > MOST_TASKS)
    throw new InputError(`${plural(tasks.length, 'task')}: a text model tells ${MOST_TASKS} apart at the most`);
  if (tasks.length >= 2) return;
  const [only] = tasks;
  const found =
    only === undefined ? 'no prompt has a task' : `all ${plural(only[1], 'prompt')} are of the task ${only[0]}`;
  throw new InputError(`${found}: give prompts of two tasks at least, with a task each`);
}

type Place = { path: string; /** As the configuration would name it. */ name: string };

function placeOf(context: Context, config: Config, to: string | undefined): Place {
  const folder = context.configFile === undefined ? context.directory : dirname(context.configFile);
  const path =
    to === undefined
      ? resolve(folder, config.routing.task_guess?.model ?? DEFAULT_FILE)
      : resolve(context.directory, to);
  return { path, name: relative(folder, path) };
}

function factsOf({ tasks }: TextModel, samples: Samples, path: string): object {
  return {
    file: path,
    prompts: Object.fromEntries(samples.tasks()),
    without_task: samples.withoutTask,
    held_out: tasks.held_out,
  };
}

function describe(
  context: Context,
  { model, samples, config, place }: { model: TextModel; samples: Samples; config: Config; place: Place },
): void {
  const { held_out: heldOut } = model.tasks;
  const tasks = samples.tasks();
  context.note(printable(tasks.map(([task, count]) => `${task} ${formatCount(count)}`).join(', ')));
  const few = tasks.filter(([, count]) => count < FEW).map(([task]) => task);
  if (few.length > 0) context.note(printable(`too few prompts to rely on: ${few.join(', ')}`));
  if (samples.withoutTask > 0) context.note(`${plural(samples.withoutTask, 'prompt')} without a task left out`);
  if (samples.beyond > 0) context.note(`${plural(samples.beyond, 'prompt')} left out: there are enough`);
  const right = `${(100 * heldOut.accuracy).toFixed(1)} % of ${formatCount(heldOut.samples)} prompts that were kept apart`;
  context.note(`${place.name} written: reads the task of ${right} rightly`);
  const unknown = tasks.map(([task]) => task).filter((task) => !Object.hasOwn(config.tasks, task));
  if (unknown.length > 0) context.note(printable(`not under tasks: in the configuration: ${unknown.join(', ')}`));
  if (config.routing.task_guess?.model === place.path) return;
  context.note(`to use it, in sluice.yaml:\n  routing:\n    task_guess: { model: ${place.name} }`);
}
