import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseConfigWithoutKeys } from '../../src/cli/config-view.ts';
import { readEvidence } from '../../src/store/evidence/reader.ts';
import { evidenceChore } from '../../src/workers/evidence-chore.ts';
import { type CliRun, type SimProcess, Workshop, parseLines } from '../support/cli.ts';
import { scoresIn } from '../support/feedback-steps.ts';

let workshop: Workshop;
let sim: SimProcess;
let sluice: (...commandArguments: string[]) => Promise<CliRun>;

const ROWS = [
  { id: 'q-1', prompt: 'one', task: 'simple' },
  { id: 'q-2', prompt: 'two', task: 'coding', model: 'dear' },
  { id: 'q-3', prompt: 'three', task: 'simple', expect: { contains: 'no answer has this' } },
  { id: 'q-4', prompt: 'four' },
];

beforeAll(async () => {
  workshop = await Workshop.open();
  const price = { input: 1, output: 4 };
  const latency = { p50_ms: 1, p95_ms: 2 };
  sim = await workshop.startSim({ 'sim/cheap': { price, latency }, 'sim/dear': { price, latency } });
  const model = { provider: 'sim', price };
  await workshop.configure(sim.url, {
    models: {
      cheap: { ...model, id: 'sim/cheap', scores: { default: 0.6, simple: 0.8 } },
      dear: { ...model, id: 'sim/dear', deployment_of: 'the-dear' },
    },
  });
  await workshop.write('rows.jsonl', ROWS.map((row) => JSON.stringify(row)).join('\n'));
  expect(await workshop.run(['batch', 'run', 'rows.jsonl', '--id', 'b1'])).toMatchObject({ code: 0 });
  const host = workshop.startHost();
  sluice = (...commandArguments) => host.run(commandArguments);
});
afterAll(() => workshop.close());

/** What workers do every ten seconds. */
async function learn(): Promise<void> {
  const config = parseConfigWithoutKeys(await workshop.read('sluice.yaml'), 'sluice.yaml', {});
  const { redis, keys } = workshop.stores;
  await evidenceChore(redis, keys, config).run(new AbortController().signal);
}

describe('sluice feedback', () => {
  test('takes a score for a job, and for a row by its own id', async () => {
    expect(await sluice('feedback', 'b1-0', '0.5')).toMatchObject({ code: 0, stderr: 'b1-0: score counted\n' });
    expect((await sluice('feedback', 'b1-0', '1')).stderr).toBe('b1-0: score corrected\n');
    expect((await sluice('feedback', 'q-1', '1', '--batch', 'b1')).stderr).toMatch(/^q-1: had this score already/);
    const asJson = await sluice('feedback', 'q-2', '1', '--batch', 'b1', '--source', 'ada', '--json');
    expect(parseLines(asJson.stdout)).toEqual([{ job_id: 'b1-1', outcome: 'counted' }]);
  });

  test('takes a file of scores, and tells of its bad lines', async () => {
    const lines = [
      { job_id: 'batch_req_b1-0', score: 0, source: 'grader' },
      { id: 'q-4', batch: 'b1', score: 0.25, comment: 'meh' },
      { id: 'q-4', batch: 'b1', score: 1.5 },
      { id: 'q-9', batch: 'b1', score: 1 },
      { id: 'q-1', batch: 'b2', score: 1 },
      { id: 'q-1', score: 1 },
      { job_id: 'j-none', score: 1 },
      { job_id: 'b1-0', score: 1, source: 'expect' },
      { job_id: 'b1-0', scor: 1 },
      { job_id: 'b1-1', score: 1, source: 'ada' },
    ].map((line) => JSON.stringify(line));
    await workshop.write('scores.jsonl', ['{"job_id": 5', '', ...lines].join('\n'));
    const { code, stdout, stderr } = await sluice('feedback', '--file', 'scores.jsonl');
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr.split('\n')).toEqual([
      expect.stringMatching(/^scores\.jsonl:1: not valid JSON/),
      'scores.jsonl:5: score: must be at most 1, got 1.5',
      'scores.jsonl:6: batch "b1" has no row "q-9", or it has not ended yet',
      expect.stringMatching(/^scores\.jsonl:7: no batch "b2" here; .*sluice batch list shows those that there are$/),
      'scores.jsonl:8: name the job: with job_id, or with id and batch',
      'scores.jsonl:9: job "j-none" is unknown, or its result is forgotten',
      'scores.jsonl:10: source: "expect" is where the scores of jobs with an expect are from; give yours another name',
      'scores.jsonl:11: unknown field "scor" (did you mean "score"?)',
      '2 scores counted, 1 known already, 8 refused',
      '',
    ]);
    const again = await workshop.run(['feedback', '--file', '-', '--batch', 'b1', '--json'], {
      input: '{"id":"q-4","score":0.25}\n{"id":"q-3","score":0.5}\n',
    });
    expect(again).toMatchObject({ code: 0, stderr: '' });
    expect(parseLines(again.stdout)).toEqual([{ counted: 1, corrected: 0, unchanged: 1, cached: 0, refused: 0 }]);
  });

  test.each([
    [['b1-0'], 'give a job and its score, or --file'],
    [['b1-0', '1.1'], 'Give a number from 0 (of no use) to 1.'],
    [['b1-0', 'good'], 'Give a number from 0 (of no use) to 1.'],
    [['b1-0', '1', '--file', 'x'], 'give a job and its score, or --file; not both'],
    [['j-none', '1'], 'job "j-none" is unknown, or its result is forgotten'],
    [['b1-0', '1', '--source', 'two words'], 'source: use 1 to 128 letters'],
    [['--file', 'none-there.jsonl'], 'cannot read none-there.jsonl: no such file'],
  ])('refuses %j in one line', async (commandArguments, line) => {
    const { code, stdout, stderr } = await sluice('feedback', ...commandArguments);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(line);
    expect(stderr.split('\n')).toHaveLength(2);
  });
});

describe('sluice router', () => {
  test('shows what was learned, beside what is configured', async () => {
    await learn();
    const evidence = await readEvidence(workshop.stores.redis, workshop.stores.keys);
    const { 'the-dear coding': dear, 'cheap simple': cheap } = scoresIn(evidence);
    expect(dear).toEqual({ n: 1, sum: 1, squares: 1 });
    // Of two jobs: 1 and 0 for the first, an unmet expectation and 0.5 for the other.
    expect(cheap?.n).toBeCloseTo(4, 1);
    expect(cheap?.sum).toBeCloseTo(1.5, 1);
    const shown = await sluice('router', 'table');
    expect(shown.stdout).toMatch(/^simple +cheap +[34.]+\d* +0\.3\d\d +0\.\d{3} to 0\.\d{3} +0\.800 +\d+ +\d+$/m);
    expect(shown.stdout).toMatch(/^coding +the-dear +1 +1\.000 +0\.\d{3} to 1\.000 +- +\d+ +\d+$/m);
    const rows = parseLines((await sluice('router', 'table', '--task', 'simple', '--json')).stdout);
    expect(rows).toEqual([expect.objectContaining({ model: 'cheap', task: 'simple', configured: 0.8 })]);
    // Two jobs, of four scores; those of the other tasks have made them count a little less.
    expect((rows[0] as { task_jobs: number }).task_jobs).toBeCloseTo(2, 2);
    expect(rows[0]).toMatchObject({ task_jobs: evidence.tasks?.['simple'] });
    const without = parseLines((await sluice('router', 'table', '--task', '-', '--json')).stdout);
    expect(without).toMatchObject([{ model: 'cheap', task: null, scores: 1, mean: 0.25, configured: 0.6 }]);
    expect(await sluice('router', 'table', '--task', 'codin')).toMatchObject({
      code: 2,
      stderr: 'sluice: unknown task "codin"; known: coding, simple\n',
    });
  });

  test('takes what was learned out, and in again', async () => {
    expect(await sluice('router', 'export', 'out.json')).toMatchObject({ code: 0, stdout: '' });
    const exported = JSON.parse(await workshop.read('out.json')) as { version: number; models: object; tasks: object };
    expect(Object.keys(exported.tasks).toSorted()).toEqual(['', 'coding', 'simple']);
    expect(JSON.parse((await sluice('router', 'export')).stdout)).toEqual(exported);
    const refused = await sluice('router', 'import', 'out.json');
    expect(refused).toMatchObject({ code: 2, stderr: expect.stringMatching(/say --merge or --replace/) as string });
    const merged = await sluice('router', 'import', 'out.json', '--merge');
    expect(merged.stderr).toMatch(/^2 models of out\.json taken in; what is here is version \d+ now\n$/);
    const older = await sluice('router', 'import', 'out.json', '--replace');
    expect(older).toMatchObject({ code: 2 });
    expect(older.stderr).toMatch(/later than version \d+ in out\.json: say --older to go back to that; nothing was/);
    expect(await sluice('router', 'import', 'out.json', '--replace', '--older')).toMatchObject({ code: 0 });
    const back = JSON.parse((await sluice('router', 'export')).stdout) as typeof exported;
    expect(back.models).toEqual(exported.models);
    expect(back.tasks).toEqual(exported.tasks);
    expect(back.version).toBe(exported.version + 2);
  });

  test.each([
    ['{', /^sluice: bad\.json: not valid JSON/],
    ['{"v": 2, "version": 1, "updated_at": 0, "models": {}}', /^sluice: bad\.json: v: expected 1, got 2$/],
    [
      '{"v": 1, "version": 1, "updated_at": 0, "model": {}}',
      /^sluice: bad\.json: unknown field "model" \(did you mean/,
    ],
    [moments({ n: 1, sum: 2, squares: 4 }), /^sluice: bad\.json: models\.m\.t\.score: scores are from 0 to 1$/],
    [moments({ n: 2, sum: 1, squares: 0 }), /^sluice: bad\.json: models\.m\.t\.score: no figures of this sum/],
    [tasks('{"simple": -1}'), /^sluice: bad\.json: tasks\.simple: must be at least 0, got -1$/],
    [tasks('{"simple": 1e999}'), /^sluice: bad\.json: tasks\.simple: /],
    [tasks('{"two words": 1}'), /^sluice: bad\.json: tasks/],
    [moments({ n: -1, sum: 0, squares: 0 }), /^sluice: bad\.json: models\.m\.t\.score\.n: must be at least 0, got -1$/],
  ])('refuses evidence that is none: %s', async (text, line) => {
    await workshop.write('bad.json', text);
    const before = (await sluice('router', 'export')).stdout;
    const { code, stderr } = await sluice('router', 'import', 'bad.json', '--replace', '--older');
    expect(code).toBe(2);
    expect(stderr.trimEnd()).toMatch(line);
    expect((await sluice('router', 'export')).stdout).toBe(before);
  });
});

function tasks(text: string): string {
  return `{"v": 1, "version": 1, "updated_at": 0, "models": {}, "tasks": ${text}}`;
}

function moments(score: object): string {
  return JSON.stringify({ v: 1, version: 1, updated_at: 0, models: { m: { t: { score } } } });
}

describe('sluice route --explain', () => {
  test('tells why a job went where it did, by its id in the queue or its own', async () => {
    const explained = await sluice('route', '--explain', 'q-2');
    expect(explained).toMatchObject({ code: 0, stderr: '' });
    const [title, why, ...rest] = explained.stdout.split('\n');
    expect(title).toMatch(/^b1-1:1 -> dear, completed \(/);
    expect(why).toBe('  coding; strategy order; dear: nothing else was left');
    expect(rest.join('\n')).toContain('1 left out, not-allowed: cheap');
    const [record] = parseLines((await sluice('route', '--explain', 'b1-1', '--json')).stdout);
    expect(record).toMatchObject({ attempt_id: 'b1-1:1', model: 'dear', decision: { task: 'coding', chosen: 'dear' } });
  });

  test('shows the record that a prompt would leave', async () => {
    const { stdout } = await sluice('route', 'one', '--task', 'simple', '--explain', '--json');
    const [facts] = parseLines(stdout) as { decision: { strategy: string; candidates: unknown[] } }[];
    expect(facts?.decision).toMatchObject({ task: 'simple', strategy: 'order', why: 'best' });
    expect(facts?.decision.candidates).toHaveLength(2);
  });

  test('says in one line when there is nothing to explain', async () => {
    expect(await sluice('route', '--explain', 'q-99')).toMatchObject({
      code: 2,
      stderr: 'sluice: no attempt of a job "q-99" is in the usage stream\n',
    });
    expect((await sluice('route')).stderr).toBe('sluice: give a prompt to route, or --explain with the id of a job\n');
  });
});
