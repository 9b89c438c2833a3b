import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findRedisServer } from '../../src/store/embedded/find.ts';
import { type CliOptions, type CliRun, Workshop } from '../support/cli.ts';
import { until } from '../support/harness.ts';

/** Stands in every file, and must stand in no message. */
const PROMPT = 'my mother’s maiden name';
const SECRET = 'hunter2-hunter2';

type BadCommand = CliOptions & {
  name: string;
  command: string;
  code: number;
  /** The whole of stderr, without the program's name in front of lines; FOLDER stands for the working folder. */
  says: string[];
};

const GOOD_ROW = JSON.stringify({ id: 'a', prompt: PROMPT });

const FILES: Record<string, string | Buffer> = {
  'good.jsonl': `${GOOD_ROW}\n`,
  'other.jsonl': `${JSON.stringify({ id: 'a', prompt: `${PROMPT}?` })}\n`,
  'empty.jsonl': '',
  'blank.jsonl': '\n  \r\n\t\n',
  'windows.jsonl': `\uFEFF${GOOD_ROW}\r\n\r\n${JSON.stringify({ id: 'b', prompt: PROMPT })}\r\n`,
  'endless.jsonl': Buffer.alloc(3_000_000, 'x'),
  'utf-16.jsonl': Buffer.from(`\uFEFF${GOOD_ROW}\n`, 'utf16le'),
  'many.jsonl': 'no JSON\n'.repeat(25),
  'tab.yaml': 'providers:\n\tsim: {}\n',
  'list.yaml': '- a\n',
  'twice.yaml': 'models:\n  a: {}\n  a: {}\n',
  'many.yaml': `providers:
  plain: { base_url: http://api.example.com/v1, api_key: "${SECRET} " }
  metadata: { base_url: http://169.254.169.254/v1 }
  files: { base_url: "ftp://example.com" }
  login: { base_url: "https://me:${SECRET}@example.com" }
  placeholder: { base_url: https://example.com/v1, api_key: sk-xxxx }
  missing: { base_url: https://example.com/v1, api_key: "\${NOT_THERE}" }
models:
  free: { provider: plain, id: free }
  minus: { provider: plain, id: minus, price: { input: -1, output: 1 } }
  lost: { provider: plian, id: lost, price: { input: 1, output: 1 } }
tasks:
  coding: { models: [fre] }
budgets:
  team: { limit_usd: -5 }
results: { keep: 1x }
modles: {}
`,
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
  '9: models.free.price: missing',
  '10: models.minus.price.input: must be at least 0, got -1',
  '11: models.lost.provider: unknown provider "plian"; known: files, login, metadata, missing, placeholder, plain',
  '13: tasks.coding.models[0]: unknown model "fre"; known: free, lost, minus',
  '15: budgets.team.limit_usd: must be at least 0, got -5',
  '16: results.keep: expected a duration such as 500ms, 60s, 5m, 24h or 7d, got "1x"',
  '17: unknown field "modles" (did you mean "models"?)',
];

const COMMANDS: BadCommand[] = [
  {
    name: 'a file that is not there',
    command: 'batch run nope.jsonl',
    code: 2,
    says: ['cannot read nope.jsonl: no such file or folder'],
  },
  { name: 'a folder', command: 'batch run folder', code: 2, says: ['cannot read folder: it is a folder'] },
  {
    name: 'a FIFO',
    command: 'batch run fifo',
    code: 2,
    says: ['cannot read fifo: it is no regular file; use - for stdin'],
  },
  {
    name: 'a device',
    command: 'batch run /dev/zero',
    code: 2,
    says: ['cannot read /dev/zero: it is no regular file; use - for stdin'],
  },
  { name: 'an empty file', command: 'batch run empty.jsonl', code: 2, says: ['empty.jsonl: no jobs found'] },
  { name: 'blank lines alone', command: 'batch run blank.jsonl', code: 2, says: ['blank.jsonl: no jobs found'] },
  { name: 'nothing on stdin', command: 'batch run -', input: '', code: 2, says: ['stdin: no jobs found'] },
  {
    name: 'rubbish on stdin',
    command: 'batch run -',
    input: Buffer.from([0xff, 10]),
    code: 2,
    says: ['stdin:1: the line is not valid UTF-8', ONE_BAD],
  },
  {
    name: 'three megabytes without a newline',
    command: 'batch run endless.jsonl',
    code: 2,
    says: ['endless.jsonl:1: the line is longer than the limit of 1048576 bytes', ONE_BAD],
  },
  {
    name: 'UTF-16',
    command: 'batch run utf-16.jsonl',
    code: 2,
    says: [
      'utf-16.jsonl:1: the line is not valid UTF-8',
      'utf-16.jsonl:2: the line has a NUL byte',
      '2 bad lines, nothing was enqueued; mend them, or set them aside with --skip-invalid',
    ],
  },
  {
    name: 'more bad lines than are told',
    command: 'batch submit many.jsonl',
    code: 2,
    says: [...TOLD, '25 bad lines, nothing was enqueued; mend them, or set them aside with --skip-invalid'],
  },
  {
    name: 'bad lines alone that are set aside',
    command: 'batch submit many.jsonl --skip-invalid',
    code: 2,
    says: [...TOLD.map((line) => `set aside: ${line}`), 'many.jsonl: no jobs found'],
  },
  {
    name: 'results into a folder that is not there',
    command: 'batch run good.jsonl --out no/where.jsonl',
    code: 2,
    says: ['cannot write no/where.jsonl: no such file or folder'],
  },
  {
    name: 'results into a folder',
    command: 'batch run good.jsonl --out folder',
    code: 2,
    says: ['cannot write folder: it is a folder'],
  },
  {
    name: 'results into the file of the rows',
    command: 'batch run good.jsonl --out ./good.jsonl',
    code: 2,
    says: ['cannot write ./good.jsonl: it is the file of the rows'],
  },
  {
    name: 'results below a file',
    command: 'batch run good.jsonl --out empty.jsonl/x',
    code: 2,
    says: ['cannot write empty.jsonl/x: FOLDER/empty.jsonl is no folder'],
  },
  {
    name: 'two things on stdout',
    command: 'batch run good.jsonl --json --out -',
    code: 2,
    says: ['--json and --out - both want stdout; give --out a file'],
  },
  {
    name: 'a batch that is not known',
    command: 'batch status nope',
    code: 2,
    says: ['no batch "nope" here; sluice batch list shows those that there are'],
  },
  {
    name: 'results of a batch that is not known',
    command: 'batch results nope',
    code: 2,
    says: ['no batch "nope" here; sluice batch list shows those that there are'],
  },
  {
    name: 'a batch id that is a key',
    command: 'batch cancel a:b',
    code: 2,
    says: ['no batch "a:b" here; sluice batch list shows those that there are'],
  },
  {
    name: 'a bad id for a batch',
    command: 'batch run good.jsonl --id a/b',
    code: 2,
    says: ['--id "a/b": use 1 to 64 letters, digits or -'],
  },
  {
    name: 'a cap of nothing',
    command: 'batch run good.jsonl --max-total-usd 0',
    code: 2,
    says: ["error: option '--max-total-usd <usd>' argument '0' is invalid. Give dollars above 0, such as 0.002."],
  },
  {
    name: 'a cap below nothing',
    command: 'batch run good.jsonl --max-total-usd -1',
    code: 2,
    says: ["error: option '--max-total-usd <usd>' argument '-1' is invalid. Give dollars above 0, such as 0.002."],
  },
  {
    name: 'a cap that is no number',
    command: 'batch run good.jsonl --max-total-usd NaN',
    code: 2,
    says: ["error: option '--max-total-usd <usd>' argument 'NaN' is invalid. Give dollars above 0, such as 0.002."],
  },
  {
    name: 'a latency limit that is no number',
    command: 'batch run good.jsonl --max-latency-ms 1s',
    code: 2,
    says: ["error: option '--max-latency-ms <ms>' argument '1s' is invalid. Give a whole number of at least 1."],
  },
  {
    name: 'a strategy that does not exist',
    command: 'batch run good.jsonl --strategy best',
    code: 2,
    says: [
      "error: option '--strategy <name>' argument 'best' is invalid. Allowed choices are hybrid, cost, latency, task, order, random, weighted.",
    ],
  },
  {
    name: 'a lane that does not exist',
    command: 'batch run good.jsonl --lane fast',
    code: 2,
    says: ['--lane: unknown lane "fast"; known: batch, interactive'],
  },
  {
    name: 'a task that does not exist',
    command: 'batch run good.jsonl --task simpel',
    code: 2,
    says: ['--task: unknown task "simpel"; known: coding, simple'],
  },
  {
    name: 'a cost limit beyond all prices',
    command: 'batch run good.jsonl --max-cost-usd 5000',
    code: 2,
    says: ['--max-cost-usd: must be at most 1000, got 5000'],
  },
  {
    name: 'a misspelled option',
    command: 'batch run good.jsonl --max-tokns 5',
    code: 2,
    says: ["error: unknown option '--max-tokns'", '(Did you mean --max-tokens?)'],
  },
  {
    name: 'a misspelled command',
    command: 'bacth',
    code: 2,
    says: ["error: unknown command 'bacth'", '(Did you mean batch?)', '(sluice --help shows what there is)'],
  },
  {
    name: 'a misspelled command of a command',
    command: 'batch sumbit good.jsonl',
    code: 2,
    says: ["error: unknown command 'sumbit'", '(Did you mean submit?)'],
  },
  { name: 'no file', command: 'batch run', code: 2, says: ["error: missing required argument 'file'"] },
  {
    name: 'two files',
    command: 'batch run good.jsonl other.jsonl',
    code: 2,
    says: ["error: too many arguments for 'run'. Expected 1 argument but got 2: good.jsonl, other.jsonl."],
  },
  {
    name: 'a lane for a worker that does not exist',
    command: 'worker --lane fast',
    code: 2,
    says: ['unknown lane "fast"; known: interactive, batch'],
  },
  {
    name: 'a board for everybody without a password',
    command: 'board --host 0.0.0.0 --port 0',
    code: 2,
    says: ['the monitor on 0.0.0.0 can be reached by others: set its user and password, or use 127.0.0.1'],
  },
  {
    name: 'a configuration that is not there',
    command: 'batch list --config nope.yaml',
    code: 2,
    says: ['cannot read FOLDER/nope.yaml: no such file or folder'],
  },
  {
    name: 'a configuration that is a folder',
    command: 'batch list --config folder',
    code: 2,
    says: ['cannot read FOLDER/folder: it is a folder'],
  },
  {
    name: 'a configuration with a tab',
    command: 'batch list --config tab.yaml',
    code: 2,
    says: ['FOLDER/tab.yaml:2:1: Tabs are not allowed as indentation'],
  },
  {
    name: 'a configuration that is a list',
    command: 'batch list --config list.yaml',
    code: 2,
    says: ['FOLDER/list.yaml: expected an object, got a list of 1'],
  },
  {
    name: 'a configuration with a name twice',
    command: 'batch list --config twice.yaml',
    code: 2,
    says: ['FOLDER/twice.yaml:3:3: Map keys must be unique'],
  },
  {
    name: 'everything that is wrong with a configuration',
    command: 'batch list --config many.yaml',
    code: 2,
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
    name: 'a REDIS_URL without its scheme',
    command: 'batch list',
    env: { REDIS_URL: 'localhost:6379' },
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

describe('a bad command ends with one line that says what to do', () => {
  let workshop: Workshop;
  let host: ReturnType<Workshop['startHost']>;

  beforeAll(async () => {
    workshop = await Workshop.open();
    host = workshop.startHost();
    await workshop.configure('http://127.0.0.1:9/v1');
    for (const [name, content] of Object.entries(FILES)) await workshop.write(name, content);
    mkdirSync(join(workshop.directory, 'folder'));
    execFileSync('mkfifo', [join(workshop.directory, 'fifo')]);
  });
  afterAll(() => workshop.close());

  it.each(COMMANDS.map((bad) => [bad.name, bad] as const))('%s', async (_name, { command, code, says, input, env }) => {
    const given = command.split(' ');
    const run = input === undefined ? await host.run(given, env) : await workshop.run(given, { input });
    const lines = run.stderr
      .replaceAll(workshop.directory, 'FOLDER')
      .replaceAll(/^sluice: /gm, '')
      .split('\n');
    expect({ code: run.code, stdout: run.stdout, says: lines }).toEqual({ code, stdout: '', says: [...says, ''] });
    expect(run.stderr).not.toContain(SECRET);
    expect(run.stderr).not.toContain(PROMPT);
  });

  it('enqueues nothing in any of these', async () => {
    expect(await workshop.jobsInQueues()).toBe(0);
    expect(await workshop.stores.batches.list(10)).toEqual([]);
  });

  it('a byte order mark, CRLF and blank lines are fine', async () => {
    const { code, stdout } = await host.run(['batch', 'submit', 'windows.jsonl', '--id', 'windows', '--json']);
    expect({ code, ...JSON.parse(stdout) }).toEqual({ code: 0, id: 'windows', rows: 2, is_new: true });
    expect(await workshop.jobsInQueues()).toBe(2);
  });

  it('an id stands for its rows and options, and for no others', async () => {
    const submit = (...flags: string[]): Promise<CliRun> => host.run(['batch', 'submit', '--id', 'same', ...flags]);
    expect((await submit('good.jsonl')).code).toBe(0);
    expect(await submit('good.jsonl')).toMatchObject({
      code: 0,
      stdout: 'same\n',
      stderr: expect.stringContaining('were submitted before; nothing runs twice'),
    });
    for (const others of [
      ['other.jsonl'],
      ['good.jsonl', '--max-tokens', '5'],
      ['good.jsonl', '--max-total-usd', '1'],
    ]) {
      expect(await submit(...others)).toEqual({
        code: 2,
        stdout: '',
        stderr: 'sluice: batch "same" was submitted before with other rows or options; give it another --id\n',
      });
    }
  });

  it('the stack is shown with --debug alone', async () => {
    const { code, stderr } = await host.run(['--debug', 'batch', 'run', 'nope.jsonl']);
    expect(code).toBe(2);
    expect(stderr).toMatch(/^sluice: cannot read nope.jsonl: no such file or folder\n/);
    expect(stderr).toMatch(/^ +at /m);
  });
});

describe('a Redis that is not fit is refused with exit code 3', () => {
  let workshop: Workshop;
  const servers: ChildProcess[] = [];

  /** A server with settings of its own, on a socket and on a port, without any data. */
  async function startServer(name: string, ...settings: string[]): Promise<{ socket: string; port: number }> {
    const port = await freePort();
    const socket = join(workshop.directory, `${name}.sock`);
    const usual = ['--port', String(port), '--bind', '127.0.0.1', '--unixsocket', socket, '--save', ''];
    const server = await findRedisServer();
    const child = spawn(server?.path ?? 'redis-server', [...usual, ...settings], { cwd: tmpdir(), stdio: 'ignore' });
    servers.push(child);
    await until('the server to open its socket', () => existsSync(socket));
    return { socket, port };
  }

  beforeAll(async () => {
    workshop = await Workshop.open();
    await workshop.configure('http://127.0.0.1:9/v1');
  });
  afterAll(async () => {
    for (const server of servers) {
      server.kill('SIGKILL');
      await once(server, 'exit');
    }
    await workshop.close();
  });

  it.each([
    [
      'that has another password',
      ['--requirepass', 'right-right-right'],
      'cannot be used: the password is wrong or missing',
    ],
    ['that is a replica', ['--replicaof', '127.0.0.1', '1'], 'is not fit: it is a read-only replica; use the primary'],
    [
      'that evicts',
      ['--maxmemory', '100mb', '--maxmemory-policy', 'allkeys-lru'],
      'is not fit: maxmemory-policy is allkeys-lru: it would drop jobs; set it to noeviction',
    ],
  ])('one %s', async (name, settings, says) => {
    const { port } = await startServer(name.replaceAll(' ', '-'), ...settings);
    const startedAt = Date.now();
    const host = name.includes('password') ? `:${SECRET}@127.0.0.1:${port}` : `127.0.0.1:${port}`;
    const run = await workshop.run(['batch', 'list'], { env: { REDIS_URL: `redis://${host}/1` } });
    expect(run).toEqual({ code: 3, stdout: '', stderr: `sluice: Redis at redis://127.0.0.1:${port}/1 ${says}\n` });
    expect(Date.now() - startedAt).toBeLessThan(10_000);
  });
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}
