import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { foldersIn, readDataset } from '../../bench/routing/data.ts';
import { oracleChoices, pointOf } from '../../bench/routing/judge.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'bench-routing-'));
});
afterAll(() => rm(folder, { recursive: true }));

const MODELS = { weak: { role: 'weak' }, strong: { role: 'strong' } };
const row = (id: string, weak: number, strong: number): string =>
  JSON.stringify({ id, prompt: `prompt ${id}`, outcomes: { weak: { score: weak }, strong: { score: strong } } });

async function write(rows: string, models: unknown = MODELS): Promise<void> {
  await writeFile(join(folder, 'rows.jsonl'), rows);
  await writeFile(join(folder, 'models.json'), JSON.stringify(models));
}

it('says where a row is bad', async () => {
  await write(`${row('a', 0, 1)}\n\n{"id": "b"}\n`);
  await expect(readDataset(folder)).rejects.toThrow(/rows\.jsonl:3: prompt: /);
  await write(`${row('a', 0, 1)}\nnot JSON\n`);
  await expect(readDataset(folder)).rejects.toThrow(/rows\.jsonl:2: is not JSON/);
});

it('says which file is missing', async () => {
  await expect(foldersIn(join(folder, 'none'))).rejects.toThrow('none: there is no such folder');
  await write(row('a', 0, 1));
  await rm(join(folder, 'models.json'));
  await expect(readDataset(folder)).rejects.toThrow(/models\.json: there is no such file/);
});

it('leaves out the rows to be judged on that it learns from', async () => {
  const test = join(folder, 'test.jsonl');
  await write(`${row('a', 0, 1)}\n${row('b', 1, 1)}\n`);
  await writeFile(test, `${row('b', 1, 1)}\n${row('c', 1, 0)}\n`);
  const { rows, judgedFrom } = await readDataset(folder, test);
  expect(rows.map(({ id }) => id)).toEqual(['a', 'b', 'c']);
  expect(judgedFrom).toBe(2);
  await writeFile(test, row('b', 1, 1));
  await expect(readDataset(folder, test)).rejects.toThrow(/no row is left/);
});

it('takes calls of the strong model for what two models without prices cost', async () => {
  await write(`${row('a', 0, 1)}\n${row('b', 1, 1)}\n`);
  const dataset = await readDataset(folder);
  expect(dataset.cost).toBe('strong-calls');
  const oracle = oracleChoices(dataset, [0, 1]);
  expect([...oracle].map((model) => dataset.aliases[model])).toEqual(['strong', 'weak']);
  expect(pointOf(dataset, [0, 1], oracle)).toEqual({ accuracy: 1, cost: 0.0005 });
});

it('tells costs by tokens and prices where none was recorded', async () => {
  const outcome = { score: 1, input_tokens: 1_000, output_tokens: 100 };
  const rows = [{ id: 'a', prompt: 'p', outcomes: { one: outcome, two: { ...outcome, cost_usd: 0.5 } } }];
  const price = { input_usd_per_mtok: 1, output_usd_per_mtok: 10 };
  await write(rows.map((one) => JSON.stringify(one)).join('\n'), { one: price, two: price });
  const { cost, outcomes } = await readDataset(folder);
  expect(cost).toBe('usd');
  expect([...outcomes.costsUsd]).toEqual([0.002, 0.5]);
});

it('counts a job that no model may serve as a wrong one, and leaves out what was not recorded', async () => {
  const outcomes = { one: { score: 1, cost_usd: 1 } };
  const rows = ['a', 'b', 'c'].map((id) => JSON.stringify({ id, prompt: id, outcomes }));
  await write(rows.join('\n'), { one: {}, two: {} });
  const dataset = await readDataset(folder);
  expect(pointOf(dataset, [0, 1, 2], Int32Array.of(0, -1, 1))).toEqual({ accuracy: 0.5, cost: 0.5 });
});
