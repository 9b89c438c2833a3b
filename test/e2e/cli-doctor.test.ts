import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Sim, startSim } from '../../src/sim/server.ts';
import { CliFolder } from '../support/cli-folder.ts';

const KEY = { OPENROUTER_API_KEY: 'sk-or-v1-0123456789abcdef' };

let folder: CliFolder;
beforeEach(async () => {
  folder = await CliFolder.create();
});
afterEach(() => folder.close());

describe('doctor', () => {
  let sim: Sim;
  beforeEach(async () => {
    const profile = { price: { input: 1, output: 1 }, latency: { p50_ms: 0, p95_ms: 0 } };
    sim = await startSim({ profiles: { steady: profile }, apiKey: 'right-0123456789' });
  });
  afterEach(() => sim.stop());

  const writeConfig = (key: string): Promise<void> =>
    folder.write(
      'sluice.yaml',
      `providers: { sim: { base_url: "${sim.url}", allow_private: true, api_key: ${key} } }
models: { steady: { provider: sim, id: steady, price: { input: 1, output: 1 } } }
`,
    );

  test('exits with 0 when all is well, as text and as JSON', async () => {
    await writeConfig('right-0123456789');
    const text = await folder.run(['doctor']);
    expect(text.stdout).toMatch(/^ok {4}node .*\nok {4}redis .*\nok {4}configuration .*\nok {4}provider /);
    expect(text).toMatchObject({ code: 0, stderr: '\nready to run\n' });
    const json = await folder.run(['doctor', '--json']);
    expect(json).toMatchObject({ code: 0, stderr: '' });
    expect(JSON.parse(json.stdout)).toMatchObject({ ok: true });
    expect(text.stdout + json.stdout).not.toContain('right-0123456789');
  });

  test('exits with 2 without a configuration, and says how to get one', async () => {
    const { code, stdout } = await folder.run(['doctor']);
    expect(code).toBe(2);
    expect(stdout).toContain('FAIL  configuration  no sluice.yaml in this folder: make one with "npx sluice init"');
  });

  test('exits with 1 when a provider refuses the key', async () => {
    await writeConfig('wrong-0123456789');
    const refused = await folder.run(['doctor']);
    expect(refused.code).toBe(1);
    expect(refused.stdout).toMatch(/FAIL {2}provider {7}sim answered 401.*check its api_key/);
  });

  test('exits with 3 when Redis is the problem, whatever else is', async () => {
    const { code, stdout } = await folder.run(['doctor'], { REDIS_URL: 'redis://:secret@127.0.0.1:1' });
    expect(code).toBe(3);
    expect(stdout).toContain('FAIL  redis          redis://127.0.0.1:1 cannot be used: the connection was refused');
    expect(stdout).not.toContain('secret');
  });
});

describe('init', () => {
  test('writes a file that doctor finds nothing wrong with once the key is set, and never replaces one unasked', async () => {
    const init = await folder.run(['init']);
    expect(init).toMatchObject({ code: 0, stdout: '' });
    expect(init.stderr).toContain('export OPENROUTER_API_KEY');
    const without = await folder.run(['doctor']);
    expect(without.code).toBe(2);
    expect(without.stdout).toMatch(/FAIL {2}configuration .*environment variable OPENROUTER_API_KEY is not set/);
    const withKey = await folder.run(['doctor'], KEY);
    expect(withKey.stdout).not.toContain('FAIL  configuration');
    expect(withKey.stdout).not.toContain(KEY.OPENROUTER_API_KEY);

    await folder.write('sluice.yaml', 'mine');
    const again = await folder.run(['init']);
    expect(again).toMatchObject({ code: 2, stderr: 'sluice: sluice.yaml is there already; --force replaces it\n' });
    expect((await folder.run(['init', '--force'])).code).toBe(0);
  });

  test('leads to a file that route explains without a key and without Redis', async () => {
    await folder.run(['init']);
    const route = ['route', 'Write a binary search in Go', '--task', 'coding'];
    const found = await folder.run([...route, '--max-cost-usd', '0.02', '--json']);
    expect(found.code).toBe(0);
    const decision = JSON.parse(found.stdout);
    expect(decision).toMatchObject({ task: 'coding', strategy: 'hybrid', live_observations: false });
    expect(decision.chain.length).toBeGreaterThan(0);
    expect(decision.dropped[0]).toMatchObject({ model: 'gemini-flash', reason: 'cost' });
    const weighed = await folder.run(route);
    expect(weighed.stdout).toMatch(/ latency {2}utility\n1 .* s {4}0\.\d{3}\n/);
    const cheapest = await folder.run([...route, '--strategy', 'cost']);
    expect(cheapest.stdout).toMatch(/ latency\n1 .* s\n/);
    const none = await folder.run([...route, '--max-latency-ms', '1']);
    expect(none.code).toBe(1);
    expect(none.stderr).toContain('nobody would be asked: no model satisfies max_latency_ms 1');
  });
});

test('usage without a call says where it looked', async () => {
  const { code, stdout, stderr } = await folder.run(['usage']);
  expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
  expect(stderr).toBe(
    `no calls recorded yet in this folder's own Redis (${folder.directory}), under the prefix {sluice}\n`,
  );
});

test('a Redis that refuses the connection ends a command with 3 and one line', async () => {
  const { code, stdout, stderr } = await folder.run(['usage'], { REDIS_URL: 'redis://:secret@127.0.0.1:1' });
  expect({ code, stdout }).toEqual({ code: 3, stdout: '' });
  expect(stderr).toBe(
    'sluice: Redis at redis://127.0.0.1:1 cannot be used: the connection was refused; is it running?\n',
  );
});
