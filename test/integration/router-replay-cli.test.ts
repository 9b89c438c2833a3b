import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type CliRun, Workshop } from '../support/cli.ts';

let workshop: Workshop;
let replay: (...changes: string[]) => Promise<CliRun>;

const MODELS = {
  cheap: { input_usd_per_mtok: 0.1, output_usd_per_mtok: 0.4 },
  dear: { input_usd_per_mtok: 10, output_usd_per_mtok: 40 },
};

/** The cheap one is better at sums and worse at law. */
const TRAIN = Array.from({ length: 600 }, (_, index) => {
  const isSum = index % 2 === 0;
  return {
    id: `row-${index}`,
    task: isSum ? 'sums' : 'law',
    prompt: isSum ? `What is ${index} plus ${index + 7}?` : `May a tenant sublet flat number ${index}? Cite the law.`,
    outcomes: {
      cheap: { score: isSum ? Number(index % 20 > 0) : 0.25, input_tokens: 20, output_tokens: 50 },
      dear: { score: Number(index % 10 > 1), input_tokens: 20, output_tokens: 100 },
    },
  };
});
const DATA = [
  { id: 'a', task: 'sums', prompt: 'What is 3 plus 4?' },
  { id: 'b', task: 'law', prompt: 'May a landlord enter? Cite the law.' },
  { id: 'c', prompt: 'What is 12 plus 30?' },
  { id: 'd', task: null, prompt: 'May a tenant paint the walls of a flat? Cite the law.' },
];

const lines = (rows: readonly object[]): string => rows.map((row) => JSON.stringify(row)).join('\n');

beforeAll(async () => {
  workshop = await Workshop.open();
  await workshop.write('models.json', JSON.stringify(MODELS));
  await workshop.write('train.jsonl', lines(TRAIN));
  await workshop.write('data.jsonl', lines(DATA));
  const host = workshop.startHost();
  const usual = { '--train': 'train.jsonl', '--models': 'models.json', '--data': 'data.jsonl' };
  replay = (...changes) => {
    const flags = { ...usual, ...Object.fromEntries(changes.map((change) => change.split('='))) };
    return host.run(['router', 'replay', ...Object.entries<string>(flags).flat()]);
  };
});
afterAll(() => workshop.close());

describe('sluice router replay', () => {
  test('needs no configuration and no Redis, and prints a line for each prompt', async () => {
    const { code, stdout, stderr } = await replay('--objective=cost');
    expect({ code, stderr }).toEqual({
      code: 0,
      stderr: 'learned from 600 rows; routing 4, 2 without a task, whose tasks are read from their prompts\n',
    });
    const choices = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(choices.map(({ id, model }) => [id, model])).toEqual([
      ['a', 'cheap'],
      ['b', 'dear'],
      ['c', 'cheap'],
      ['d', 'dear'],
    ]);
    expect(choices[0]).toEqual({
      id: 'a',
      model: 'cheap',
      chain: ['cheap', 'dear'],
      predicted: { score: expect.closeTo(0.92, 1), cost_usd: expect.closeTo(0.000022, 5) },
    });
  });

  test('decides alike in whatever order rows and models stand', async () => {
    await workshop.write('shuffled.jsonl', lines(TRAIN.toReversed()));
    await workshop.write('reversed.json', JSON.stringify(Object.fromEntries(Object.entries(MODELS).toReversed())));
    const { stdout } = await replay();
    expect((await replay('--train=shuffled.jsonl', '--models=reversed.json')).stdout).toBe(stdout);
  });

  test.each([
    ['a file that is not there', '--train=none.jsonl', '', /cannot read none\.jsonl: no such file/],
    ['a row that is no JSON', '--data=bad.jsonl', '{"id": "a"', /^sluice: bad\.jsonl, line 1: not valid JSON$/m],
    [
      'a score above 1',
      '--train=bad.jsonl',
      lines([{ id: 'a', prompt: 'p', outcomes: { dear: { score: 2 } } }]),
      /bad\.jsonl, line 1: outcomes\.dear\.score: /,
    ],
    [
      'rows of other models',
      '--train=bad.jsonl',
      lines([{ id: 'a', prompt: 'p', outcomes: { x: { score: 1 } } }]),
      /no row has an outcome of a model in models\.json/,
    ],
    ['no models', '--models=bad.jsonl', '{}', /bad\.jsonl: names no model/],
  ])('says in one line what is wrong: %s', async (_what, change, text, says) => {
    await workshop.write('bad.jsonl', text);
    const { code, stdout, stderr } = await replay(change);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(says);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
  });
});
