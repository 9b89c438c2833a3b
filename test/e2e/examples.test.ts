import { type ChildProcess, spawn } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { CliFolder, CliProcess } from '../support/cli-folder.ts';
import { until } from '../support/harness.ts';
import { run, stagePackage } from '../support/staged-package.ts';

// The examples import from 'sluice' as an app does: what they get is the build.

let staged = '';
let folder: CliFolder;
let started: CliProcess[];

beforeAll(async () => {
  staged = await stagePackage();
}, 60_000);
afterAll(() => rm(staged, { recursive: true, force: true }));

beforeEach(async () => {
  folder = await CliFolder.create();
  started = [];
});
afterEach(async () => {
  for (const each of started.toReversed()) await each.end('SIGTERM');
  await folder.close();
});

function startExample(name: string, env: Record<string, string>): CliProcess {
  const child: ChildProcess = spawn(process.execPath, [join(staged, 'examples', name)], {
    cwd: folder.directory,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'], HOME: folder.directory, ...env },
  });
  const example = new CliProcess(child);
  folder.pids.add(example.pid);
  started.push(example);
  return example;
}

test('an app enqueues a job and awaits its result, which a worker in another app gets', async () => {
  const sim = folder.start(['sim', '--port', '0']);
  started.push(sim);
  const [address] = await sim.said(/http:\S+\/v1/);
  const env = { SLUICE_SIM_URL: address?.[0] ?? '' };

  const worker = startExample('worker-in-app.ts', env);
  await until('the worker to be ready', () => worker.stdout.includes('worker ready'), 20_000);

  const app = startExample('enqueue-and-await.ts', env);
  expect(await app.exited, app.stderr).toBe(0);
  expect(app.stdout).toMatch(/^(small|large) answered: \S/);
  expect(app.stdout).toMatch(/^ {2}\w+: completed, \$0\.\d+, \d+ ms$/m);

  // The same id is the same job: nobody is asked again.
  const again = startExample('enqueue-and-await.ts', env);
  expect(await again.exited, again.stderr).toBe(0);
  expect(again.stdout).toBe(app.stdout);

  expect(await worker.end('SIGTERM'), worker.stderr).toBe(0);
  expect(worker.stdout.match(/"msg":"job completed"/g)).toHaveLength(1);
  expect(worker.stdout).toMatch(/worker stopped\n$/);
});

test('the router decides alone', async () => {
  const output = await run(process.execPath, [join(staged, 'examples/router-alone.ts')], folder.directory);
  expect(output.match(/^ {2}1\. /gm)).toHaveLength(3);
  expect(output).toMatch(/^ {2}1\. haiku: score 0\.80, expected cost \$0\.0013 \(up to \$0\.0025\), latency 400 ms/m);
});
