import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TextModel, createTaskReader } from '../../src/router/text/index.ts';
import { type CliRun, Workshop, parseLines } from '../support/cli.ts';

let workshop: Workshop;
let sluice: (...commandArguments: string[]) => Promise<CliRun>;

beforeAll(async () => {
  workshop = await Workshop.open();
  const latency = { p50_ms: 0, p95_ms: 0 };
  const price = { input: 1, output: 4 };
  const sim = await workshop.startSim({ 'sim/cheap': { price, latency }, 'sim/dear': { price, latency } });
  await workshop.configure(sim.url);
  const host = workshop.startHost();
  sluice = (...commandArguments) => host.run(commandArguments);
});
afterAll(() => workshop.close());

const SUBJECTS = ['apples', 'pears', 'plums', 'grapes', 'figs', 'limes'];
const CODE = ['sorts', 'parses', 'prints', 'reverses', 'merges', 'filters'];

/** Prompts of two tasks that nobody would mix up. */
const ROWS = SUBJECTS.flatMap((subject, a) =>
  CODE.map((verb, b) => [
    { id: `s-${a}-${b}`, prompt: `How many ${subject} are in ${b} baskets of ${a}?`, task: 'simple' },
    { id: `c-${a}-${b}`, prompt: `Write a function that ${verb} a list of ${subject} in Go`, task: 'coding' },
  ]),
).flat();

async function readModel(file: string) {
  const reader = createTaskReader(TextModel.parse(JSON.parse(await workshop.read(file))));
  return (text: string): string | undefined => {
    const probabilities = reader.read(text);
    return reader.tasks[probabilities.indexOf(Math.max(...probabilities))];
  };
}

describe('sluice router train', () => {
  test('learns to read tasks from files, whatever else their rows say', async () => {
    const [first, second, ...rest] = ROWS;
    const lines: object[] = [
      { ...first, outcomes: { cheap: { score: 1 } } },
      {
        custom_id: second?.id,
        method: 'POST',
        url: '/v1/chat/completions',
        body: { model: 'cheap', messages: [{ role: 'user', content: second?.prompt }] },
        x_sluice: { task: second?.task },
      },
      ...rest,
      { prompt: 'a prompt without a task' },
    ];
    await workshop.write('labelled.jsonl', lines.map((line) => JSON.stringify(line)).join('\n'));
    const trained = await sluice('router', 'train', 'labelled.jsonl');
    expect(trained).toMatchObject({ code: 0, stdout: '' });
    expect(trained.stderr).toMatch(
      /^training with 72 prompts\.\.\.\ncoding 36, simple 36\n1 prompt without a task left out\n/,
    );
    expect(trained.stderr).toMatch(/^task-model\.json written: reads the task of \d+\.\d % of \d+ prompts /m);
    expect(trained.stderr).toContain('task_guess: { model: task-model.json }');
    const read = await readModel('task-model.json');
    expect(read('How many kiwis are in 9 baskets?')).toBe('simple');
    expect(read('Write a function that counts words in Go')).toBe('coding');
  });

  test('learns from the jobs that have finished', async () => {
    const rows = ROWS.map((row) => JSON.stringify({ ...row, max_tokens: 1 }));
    await workshop.write('rows.jsonl', rows.join('\n'));
    // The same prompts once more, as an evaluation of another model has them.
    await workshop.write('again.jsonl', rows.slice(0, 5).join('\n'));
    for (const file of ['rows.jsonl', 'again.jsonl']) {
      expect(await workshop.run(['batch', 'run', file])).toMatchObject({ code: 0 });
    }
    const trained = await sluice('router', 'train', '--to', 'other.json', '--json');
    expect(trained).toMatchObject({ code: 0 });
    expect(parseLines(trained.stdout)).toMatchObject([{ prompts: { coding: 36, simple: 36 }, without_task: 0 }]);
    expect((await readModel('other.json'))('Write a function that counts words in Go')).toBe('coding');
  });

  test.each([
    [
      '{"prompt":"a","task":"simple"}\n{"prompt":"b","task":"simple"}',
      'all 2 prompts are of the task simple: give prompts of two',
    ],
    ['{"prompt":"a"}', 'no prompt has a task: give prompts of two tasks at least, with a task each'],
    [
      '{"prompt":"a","task":"simple"}\n{"task":"x"}\nnone',
      'bad.jsonl:2: missing: prompt or messages\nsluice: bad.jsonl:3: not valid JSON',
    ],
  ])('refuses %j', async (text, lines) => {
    await workshop.write('bad.jsonl', text);
    const { code, stderr } = await sluice('router', 'train', 'bad.jsonl', '--to', 'none.json');
    expect(code).toBe(2);
    expect(stderr).toContain(`sluice: ${lines}`);
    expect(workshop.has('none.json')).toBe(false);
  });
});
