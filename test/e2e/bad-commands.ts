import type { CliOptions } from '../support/cli.ts';
import { SECRET } from './bad-files.ts';

export type BadCommand = CliOptions & {
  name: string;
  command: string;
  /** 2 unless it is told. */
  code?: number;
  /** The whole of stderr, without the program's name in front of lines; FOLDER stands for the working folder. */
  says: string[];
};

const ONE_BAD = '1 bad line, nothing was enqueued; mend it, or set it aside with --skip-invalid';
const TOLD = [
  ...Array.from(
    { length: 20 },
    (_, index) => `many.jsonl:${index + 1}: not valid JSON (Unexpected token o at column 2)`,
  ),
  'many.jsonl: and 5 more bad lines',
];
const MANY = [
  '2: providers.plain.api_key: a key has printable characters only, without spaces or line breaks',
  '2: providers.plain.base_url: http would send the key in the clear; use https',
  '3: providers.metadata.base_url: 169.254.169.254 is a link-local or reserved address and is never called',
  '4: providers.files.base_url: only http and https, got ftp://',
  '5: providers.login.base_url: no user or password in the URL; use api_key',
  '6: providers.placeholder.api_key: is a placeholder, not a key; put in the real one',
  '7: providers.missing.api_key: environment variable NOT_THERE is not set',
  '10: models.minus.price.input: must be at least 0, got -1',
  '11: models.lost.provider: unknown provider "plian"; known: files, login, metadata, missing, placeholder, plain',
  '13: tasks.coding.models[0]: unknown model "fre"; known: free, lost, minus',
  '15: budgets.team.limit_usd: must be at least 0, got -5',
  '16: results.keep: expected a duration such as 500ms, 60s, 5m, 24h or 7d, got "1x"',
  '17: unknown field "modles" (did you mean "models"?)',
];

export const COMMANDS: BadCommand[] = [
  {
    name: 'a file that is not there',
    command: 'batch run nope.jsonl',
    says: ['cannot read nope.jsonl: no such file or folder'],
  },
  { name: 'a folder', command: 'batch run folder', says: ['cannot read folder: it is a folder'] },
  {
    name: 'a FIFO',
    command: 'batch run fifo',
    says: ['cannot read fifo: it is no regular file; use - for stdin'],
  },
  {
    name: 'a device',
    command: 'batch run /dev/zero',
    says: ['cannot read /dev/zero: it is no regular file; use - for stdin'],
  },
  { name: 'an empty file', command: 'batch run empty.jsonl', says: ['empty.jsonl: no jobs found'] },
  { name: 'blank lines alone', command: 'batch run blank.jsonl', says: ['blank.jsonl: no jobs found'] },
  { name: 'nothing on stdin', command: 'batch run -', input: '', says: ['stdin: no jobs found'] },
  {
    name: 'rubbish on stdin',
    command: 'batch run -',
    input: Buffer.from([0xff, 10]),
    says: ['stdin:1: the line is not valid UTF-8', ONE_BAD],
  },
  {
    name: 'three megabytes without a newline',
    command: 'batch run endless.jsonl',
    says: ['endless.jsonl:1: the line is longer than the limit of 1048576 bytes', ONE_BAD],
  },
  {
    name: 'UTF-16',
    command: 'batch run utf-16.jsonl',
    says: [
      'utf-16.jsonl:1: the line is not valid UTF-8',
      'utf-16.jsonl:2: the line has a NUL byte',
      '2 bad lines, nothing was enqueued; mend them, or set them aside with --skip-invalid',
    ],
  },
  {
    name: 'more bad lines than are told',
    command: 'batch submit many.jsonl',
    says: [...TOLD, '25 bad lines, nothing was enqueued; mend them, or set them aside with --skip-invalid'],
  },
  {
    name: 'bad lines alone that are set aside',
    command: 'batch submit many.jsonl --skip-invalid',
    says: [...TOLD.map((line) => `set aside: ${line}`), 'many.jsonl: no jobs found'],
  },
  {
    name: 'results into a folder that is not there',
    command: 'batch run good.jsonl --out no/where.jsonl',
    says: ['cannot write no/where.jsonl: no such file or folder'],
  },
  {
    name: 'results into a folder',
    command: 'batch run good.jsonl --out folder',
    says: ['cannot write folder: it is a folder'],
  },
  {
    name: 'results into the file of the rows',
    command: 'batch run good.jsonl --out ./good.jsonl',
    says: ['cannot write ./good.jsonl: it is the file of the rows'],
  },
  {
    name: 'results below a file',
    command: 'batch run good.jsonl --out empty.jsonl/x',
    says: ['cannot write empty.jsonl/x: FOLDER/empty.jsonl is no folder'],
  },
  {
    name: 'two things on stdout',
    command: 'batch run good.jsonl --json --out -',
    says: ['--json and --out - both want stdout; give --out a file'],
  },
  {
    name: 'a batch that is not known',
    command: 'batch status nope',
    says: ['no batch "nope" here; sluice batch list shows those that there are'],
  },
  {
    name: 'a batch that is not known, by the id that the API would have told',
    command: `batch status batch_${'0f'.repeat(16)}`,
    says: [`no batch "batch-${'0f'.repeat(16)}" here; sluice batch list shows those that there are`],
  },
  {
    name: 'results of a batch that is not known',
    command: 'batch results nope',
    says: ['no batch "nope" here; sluice batch list shows those that there are'],
  },
  {
    name: 'a batch id that is a key',
    command: 'batch cancel a:b',
    says: ['no batch "a:b" here; sluice batch list shows those that there are'],
  },
  {
    name: 'a bad id for a batch',
    command: 'batch run good.jsonl --id a/b',
    says: ['--id "a/b": use 1 to 64 letters, digits or -'],
  },
  {
    name: 'a cap of nothing',
    command: 'batch run good.jsonl --max-total-usd 0',
    says: ["option '--max-total-usd <usd>' argument '0' is invalid. Give dollars above 0, such as 0.002."],
  },
  {
    name: 'a cap below nothing',
    command: 'batch run good.jsonl --max-total-usd -1',
    says: ["option '--max-total-usd <usd>' argument '-1' is invalid. Give dollars above 0, such as 0.002."],
  },
  {
    name: 'a cap that is no number',
    command: 'batch run good.jsonl --max-total-usd NaN',
    says: ["option '--max-total-usd <usd>' argument 'NaN' is invalid. Give dollars above 0, such as 0.002."],
  },
  {
    name: 'a latency limit that is no number',
    command: 'batch run good.jsonl --max-latency-ms 1s',
    says: ["option '--max-latency-ms <ms>' argument '1s' is invalid. Give a whole number of at least 1."],
  },
  {
    name: 'a strategy that does not exist',
    command: 'batch run good.jsonl --strategy best',
    says: [
      "option '--strategy <name>' argument 'best' is invalid. Allowed choices are hybrid, cost, latency, task, order, random, weighted, round-robin.",
    ],
  },
  {
    name: 'a lane that does not exist',
    command: 'batch run good.jsonl --lane fast',
    says: ['--lane: unknown lane "fast"; known: batch, interactive'],
  },
  {
    name: 'a task that does not exist',
    command: 'batch run good.jsonl --task simpel',
    says: ['--task: unknown task "simpel"; known: coding, simple'],
  },
  {
    name: 'a cost limit beyond all prices',
    command: 'batch run good.jsonl --max-cost-usd 5000',
    says: ['--max-cost-usd: must be at most 1000, got 5000'],
  },
  {
    name: 'a misspelled option',
    command: 'batch run good.jsonl --max-tokns 5',
    says: ["unknown option '--max-tokns' (did you mean --max-tokens?)"],
  },
  {
    name: 'a misspelled command',
    command: 'bacth',
    says: ["unknown command 'bacth' (did you mean batch?)"],
  },
  {
    name: 'a misspelled command of a command',
    command: 'batch sumbit good.jsonl',
    says: ["unknown command 'sumbit' (did you mean submit?)"],
  },
  { name: 'no file', command: 'batch run', says: ["missing required argument 'file'; see sluice batch run --help"] },
  {
    name: 'two files',
    command: 'batch run good.jsonl other.jsonl',
    says: [
      "too many arguments for 'run'. Expected 1 argument but got 2: good.jsonl, other.jsonl; see sluice batch run --help",
    ],
  },
  {
    name: 'sums by something and single records at once',
    command: 'usage --stream --by task',
    says: ['--by groups the sums; leave it out with --stream or --follow, which show single records'],
  },
  {
    name: 'a fault for a simulated model that there is not',
    command: 'sim --fail sim/smal-1=503',
    says: [
      '--fail: unknown model "sim/smal-1"; known: sim/coder-1, sim/large-1, sim/nano-1, sim/reasoner-1, sim/small-1 (did you mean "sim/small-1"?)',
    ],
  },
  {
    name: 'a fault for simulated models that no star stands for',
    command: 'sim --fail sam/*=503',
    says: ['--fail: unknown model "sam/*"; known: sim/coder-1, sim/large-1, sim/nano-1, sim/reasoner-1, sim/small-1'],
  },
  {
    name: 'a lane for a worker that does not exist',
    command: 'worker --lane fast',
    says: ['unknown lane "fast"; known: interactive, batch'],
  },
  {
    name: 'a board for everybody without a password',
    command: 'board --host 0.0.0.0 --port 0',
    says: ['the board on 0.0.0.0 can be reached by others: give it --user and SLUICE_BOARD_PASSWORD, or use 127.0.0.1'],
  },
  {
    name: 'a configuration that is not there',
    command: 'batch list --config nope.yaml',
    says: ['cannot read FOLDER/nope.yaml: no such file or folder'],
  },
  {
    name: 'a configuration that is a folder',
    command: 'batch list --config folder',
    says: ['cannot read FOLDER/folder: it is a folder'],
  },
  {
    name: 'a configuration with a tab',
    command: 'batch list --config tab.yaml',
    says: ['FOLDER/tab.yaml:2:1: Tabs are not allowed as indentation'],
  },
  {
    name: 'a configuration that is a list',
    command: 'batch list --config list.yaml',
    says: ['FOLDER/list.yaml: expected an object, got a list of 1'],
  },
  {
    name: 'a configuration with a name twice',
    command: 'batch list --config twice.yaml',
    says: ['FOLDER/twice.yaml:3:3: Map keys must be unique'],
  },
  {
    name: 'everything that is wrong with a configuration',
    command: 'batch run good.jsonl --config many.yaml',
    says: MANY.map((problem) => `FOLDER/many.yaml:${problem}`),
  },
  {
    name: 'a REDIS_URL that is none',
    command: 'batch list',
    env: { REDIS_URL: `foo ${SECRET}` },
    code: 3,
    says: ['REDIS_URL is not a Redis URL: use redis://[user:password@]host:port[/db], rediss://… or unix:///path'],
  },
  {
    name: 'a Redis that refuses',
    command: 'batch list',
    env: { REDIS_URL: `redis://:${SECRET}@127.0.0.1:1` },
    code: 3,
    says: ['Redis at redis://127.0.0.1:1 cannot be used: the connection was refused; is it running?'],
  },
  {
    name: 'a REDIS_URL without its scheme',
    command: 'batch list',
    env: { REDIS_URL: 'localhost:6379' },
    code: 3,
    says: ['REDIS_URL is not a Redis URL: use redis://[user:password@]host:port[/db], rediss://… or unix:///path'],
  },
  {
    name: 'a Redis socket that is not there',
    command: 'batch list',
    env: { REDIS_URL: 'unix:///nowhere/redis.sock' },
    code: 3,
    says: ['Redis at unix:///nowhere/redis.sock cannot be used: there is no such socket; is it running?'],
  },
  {
    name: 'a Redis that has no name',
    command: 'batch list',
    env: { REDIS_URL: 'redis://redis.invalid' },
    code: 3,
    says: ['Redis at redis://redis.invalid cannot be used: its host name is unknown'],
  },
];
