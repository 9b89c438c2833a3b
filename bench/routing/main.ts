import { basename } from 'node:path';
import { parseArgs } from 'node:util';
import { timeCatalogue } from './catalogue.ts';
import { type Dataset, foldersIn, InputError, readDataset } from './data.ts';
import { benchExperiments, type ExperimentFigures } from './experiments.ts';
import { writePage } from './page.ts';
import { LEGEND, type Report, tablesOf } from './report.ts';
import { type DatasetSummary, summaryOf } from './summary.ts';
import { toText, wrapped } from './tables.ts';
import { standingsOf } from './targets.ts';
import { workOn } from './threads.ts';
import type { Work } from './trial-process.ts';

/**
 * `npm run bench:routing -- --data DIR [--test FILE] [--json] [--splits 20] [--only NAME] [--write]`: how well the router
 * chooses, on recorded outcomes of real models. DIR is a folder with `rows.jsonl` and `models.json`, or has such folders.
 * It learns from a part of the rows and is judged on others, many times over; with `--test` it learns from all of them and
 * is judged on the rows of FILE. `--write` also writes `docs/benchmarks-routing.md`.
 */

const EXPERIMENT_FILE = 'PRIME_FULL_EVAL.csv';
const SALT = 'routing';
const MOST_SPLITS = 1_000;

try {
  const report = await run(optionsFrom(process.argv.slice(2)));
  console.log(report);
} catch (error) {
  if (!(error instanceof InputError)) throw error;
  console.error(`bench:routing: ${error.message}`);
  process.exitCode = 2;
}

type Options = {
  data: string;
  test: string | undefined;
  json: boolean;
  splits: number;
  only: readonly string[];
  write: boolean;
};

function optionsFrom(given: string[]): Options {
  const { values } = parsed(given);
  const splits = Number(values.splits);
  if (values.data === undefined)
    throw new InputError('--data DIR is needed: a folder with rows.jsonl and models.json, or of such folders');
  if (!Number.isInteger(splits) || splits < 1 || splits > MOST_SPLITS) {
    throw new InputError(`--splits ${values.splits}: a whole number from 1 to ${MOST_SPLITS} is needed`);
  }
  return { ...values, data: values.data, test: values.test, splits };
}

function parsed(given: string[]) {
  try {
    return parseArgs({
      args: given,
      options: {
        data: { type: 'string' },
        test: { type: 'string' },
        json: { type: 'boolean', default: false },
        splits: { type: 'string', default: '20' },
        only: { type: 'string', multiple: true, default: [] },
        write: { type: 'boolean', default: false },
      },
    });
  } catch (error) {
    throw new InputError(error instanceof Error ? error.message : String(error));
  }
}

async function run({ data, test, json, splits, only, write }: Options): Promise<string> {
  if (write && (test !== undefined || only.length > 0))
    throw new InputError('--write needs a whole run: without --test and --only');
  const [folders, experimentFolders] = chosenFrom([await foldersIn(data), await foldersIn(data, EXPERIMENT_FILE)], {
    data,
    only,
  });
  if (test !== undefined && folders.length !== 1) {
    throw new InputError(
      `--test ${test}: it belongs to one data set, and ${data} has ${folders.length}; choose with --only`,
    );
  }
  const datasets: DatasetSummary[] = [];
  for (const folder of folders) datasets.push(await measure(await readDataset(folder, test), splits));
  const experiments: Record<string, ExperimentFigures> = {};
  for (const folder of experimentFolders) experiments[basename(folder)] = await benchExperiments(folder);
  const catalogue = timeCatalogue();
  const targets = standingsOf(datasets, catalogue, experiments);
  const report: Report = { datasets, catalogue, experiments, targets };
  if (write) await writePage(report, splits);
  return json ? JSON.stringify(report) : [wrapped(LEGEND), ...tablesOf(report).map(toText)].join('\n\n');
}

function chosenFrom(
  kinds: readonly [string[], string[]],
  { data, only }: Pick<Options, 'data' | 'only'>,
): [string[], string[]] {
  const names = kinds.flat().map((folder) => basename(folder));
  if (names.length === 0) throw new InputError(`${data}: neither it nor a folder in it has rows.jsonl`);
  const unknown = only.find((name) => !names.includes(name));
  if (unknown !== undefined) throw new InputError(`--only ${unknown}: unknown; there are ${names.join(', ')}`);
  const isChosen = (folder: string): boolean => only.length === 0 || only.includes(basename(folder));
  return [kinds[0].filter(isChosen), kinds[1].filter(isChosen)];
}

async function measure(dataset: Dataset, splits: number): Promise<DatasetSummary> {
  console.error(`${dataset.name}: ${dataset.rows.length} rows, ${dataset.aliases.length} models`);
  const salts = Array.from({ length: splits }, (_, index) => `${SALT}-${index}`);
  // The longest work first.
  const works: Work[] = [{ kind: 'stream' }, ...salts.map((salt): Work => ({ kind: 'trial', salt }))];
  const answers = await workOn(dataset, works);
  // Decisions are timed when nothing else runs.
  const alone = await workOn(dataset, [{ kind: 'times', salt: `${SALT}-0` }], 1);
  const trials = answers.flatMap((answer) => (answer.kind === 'trial' ? [answer.trial] : []));
  const [stream = []] = answers.flatMap((answer) => (answer.kind === 'stream' ? [answer.stream] : []));
  const [times] = alone.flatMap((answer) => (answer.kind === 'times' ? [answer.times] : []));
  if (times === undefined) throw new Error('no times were measured');
  return summaryOf(dataset, trials, { stream, times });
}
