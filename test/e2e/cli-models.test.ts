import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { CliFolder } from '../support/cli-folder.ts';

let folder: CliFolder;
beforeEach(async () => {
  folder = await CliFolder.create();
});
afterEach(() => folder.close());

const read = (name: string): Promise<string> => readFile(join(folder.directory, name), 'utf8');

const CONFIG = `# what we call
providers:
  direct: { base_url: https://api.openai.com/v1, api_key: "\${OPENAI_API_KEY}" }
  own: { base_url: http://127.0.0.1:8000/v1, allow_private: true } # in the cellar
models:
  mini: { provider: direct, id: gpt-5-mini, capabilities: [json] }
  old: { provider: direct, id: gpt-4, price: { input: 30, output: 60 } }
  local: { provider: own, id: llama }
`;

describe('models', () => {
  test('are listed with their prices, whose those are, and what to know about them', async () => {
    await folder.write('sluice.yaml', CONFIG);
    const { code, stdout, stderr } = await folder.run(['models']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^mini +direct +gpt-5-mini +0\.25 +2 +genai-prices@\S+ +<= \d+ d +400,000 +medium +json/m);
    expect(stdout).toMatch(/^old +direct +gpt-4 +30 +60 +config +- +8,192 +medium +unpinned$/m);
    expect(stdout).toMatch(/^local +own +llama +\? +\? +unknown +- +- +medium +unpriced$/m);
    expect(stderr).toContain('old: gpt-4 may come to mean another model; gpt-4-0613 does not\n');
  });

  test('are filtered, and told to programs', async () => {
    await folder.write('sluice.yaml', CONFIG);
    const aliasesOf = async (...words: string[]): Promise<string[]> => {
      const { stdout } = await folder.run(['models', ...words, '--json']);
      return (JSON.parse(stdout) as { models: { alias: string }[] }).models.map(({ alias }) => alias);
    };
    expect(await aliasesOf()).toEqual(['mini', 'old', 'local']);
    expect(await aliasesOf('GPT')).toEqual(['mini', 'old']);
    expect(await aliasesOf('--provider', 'own')).toEqual(['local']);
    expect(await aliasesOf('--capability', 'json')).toEqual(['mini']);
    expect(await aliasesOf('--max-price', '5')).toEqual(['mini']);
    const nothing = await folder.run(['models', 'zzz']);
    expect(nothing).toMatchObject({ code: 0, stdout: '', stderr: 'none of 3 models fits\n' });
  });

  test('of the catalogue are searched without a configuration', async () => {
    const { code, stdout, stderr } = await folder.run(['models', '--catalogue', 'gpt-5 mini', '--provider', 'openai']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^openai +gpt-5-mini +0\.25 +2 +0\.025 +400,000$/m);
    expect(stderr).toMatch(/^\d+ of the \d{4,} models of genai-prices@\S+\n$/);
    const refused = await folder.run(['models', '--catalogue', 'gpt', '--capability', 'json']);
    expect(refused).toMatchObject({ code: 2, stdout: '' });
  });
});

describe('models lock', () => {
  test('keeps prices, and says whether they would change', async () => {
    await folder.write('sluice.yaml', CONFIG);
    const missing = await folder.run(['models', 'lock', '--check']);
    expect(missing).toMatchObject({ code: 2, stderr: expect.stringContaining('no sluice.lock.yaml yet') });
    const written = await folder.run(['models', 'lock']);
    expect(written).toMatchObject({
      code: 0,
      stdout: '',
      stderr: expect.stringContaining('wrote sluice.lock.yaml: 3'),
    });
    expect(await folder.run(['models', 'lock', '--check'])).toMatchObject({ code: 0, stdout: '' });

    const lock = await read('sluice.lock.yaml');
    await folder.write('sluice.lock.yaml', lock.replace('input: 0.25', 'input: 0.2'));
    expect(await folder.run(['models', 'lock', '--check'])).toMatchObject({
      code: 1,
      stdout: 'mini: price.input 0.2 -> 0.25\n',
    });
    const { stdout } = await folder.run(['models', 'mini']);
    expect(stdout).toMatch(/^mini +direct +gpt-5-mini +0\.2 +2 +lock\(genai-prices@\S+\) +0 d/m);
  });

  test('that is broken is told with its line', async () => {
    await folder.write('sluice.yaml', CONFIG);
    await folder.write('sluice.lock.yaml', 'version: 1\nmodels: { mini: 7 }\n');
    const { code, stderr } = await folder.run(['models']);
    expect(code).toBe(2);
    expect(stderr).toMatch(/^sluice: \S+sluice\.lock\.yaml:2: models\.mini: expected an object, got 7\n$/);
  });
});

describe('models import', () => {
  const LIST = JSON.stringify({
    data: [
      { id: 'acme/one', context_length: 8_192, pricing: { prompt: '0.000001', completion: '0.000002' } },
      { id: 'acme/two', pricing: { prompt: 'free', completion: '0.000002' } },
    ],
  });

  test('prints entries, or puts them into the file and leaves the rest of it alone', async () => {
    await folder.write('sluice.yaml', CONFIG);
    await folder.write('list.json', LIST);
    const command = ['models', 'import', 'openrouter', 'list.json', '--only', 'acme/one', '--provider', 'own'];
    const printed = await folder.run(command);
    expect(printed).toMatchObject({ code: 0, stderr: '' });
    expect(parse(printed.stdout)).toMatchObject({
      models: { 'acme/one': { provider: 'own', price: { input: 1, output: 2 } } },
    });
    expect(await read('sluice.yaml')).toBe(CONFIG);

    expect(await folder.run([...command, '--write', 'sluice.yaml'])).toMatchObject({
      code: 0,
      stderr: 'acme/one: added\nwrote sluice.yaml: 1 model\n',
    });
    const lines = printed.stdout.split('\n').slice(1).join('\n');
    expect(await read('sluice.yaml')).toBe(CONFIG + lines);
    expect((await folder.run(['models', 'acme', '--json'])).stdout).toMatch(
      /"price_source":"openrouter@\d{4}-\d\d-\d\d"/,
    );
  });

  test('writes nothing when an entry is bad, or when the file would not load with it', async () => {
    await folder.write('sluice.yaml', CONFIG);
    await folder.write('list.json', LIST);
    const command = ['models', 'import', 'openrouter', 'list.json', '--write', 'sluice.yaml'];
    const bad = await folder.run([...command, '--only', '*']);
    expect(bad).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^sluice: list\.json: data\[1\] \(acme\/two\): /),
    });
    const unfit = await folder.run([...command, '--only', 'acme/one', '--provider', 'nobody']);
    expect(unfit.code).toBe(2);
    expect(unfit.stderr).toMatch(/nothing was written; .*\n.*unknown provider "nobody"; known: direct, own\n$/);
    expect(await read('sluice.yaml')).toBe(CONFIG);
  });

  test.each([
    [['openrouter', 'missing.json', '--only', 'x'], 'sluice: cannot read missing.json: no such file or folder\n'],
    [['litellm', 'sluice.yaml', '--only', 'x'], 'sluice: sluice.yaml: not JSON\n'],
    [['openrouter', 'sluice.yaml'], "sluice: required option '--only <id>' not specified\n"],
  ])('%j is refused in one line', async (words, stderr) => {
    await folder.write('sluice.yaml', CONFIG);
    expect(await folder.run(['models', 'import', ...words])).toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringContaining(stderr),
    });
  });
});

describe('config import', () => {
  test('prints a configuration that loads, and tells what became of the other one', async () => {
    await folder.write(
      'litellm.yaml',
      `model_list:
  - model_name: gpt
    litellm_params: { model: openai/gpt-5-mini, api_key: os.environ/OPENAI_KEY }
general_settings: { master_key: sk-1234 }
`,
    );
    const imported = await folder.run(['config', 'import', 'litellm', 'litellm.yaml']);
    expect(imported.code).toBe(0);
    expect(imported.stderr).toBe(`taken over:
  litellm.yaml:2: model_list[0]: model gpt, gpt-5-mini of provider openai
left out:
  litellm.yaml:4: general_settings: has no counterpart in Sluice
it reads from the environment: OPENAI_KEY
next: save it as sluice.yaml, then npx sluice models and npx sluice doctor
`);
    await folder.write('sluice.yaml', imported.stdout);
    const { stdout } = await folder.run(['models', '--json']);
    expect(JSON.parse(stdout)).toMatchObject({ models: [{ alias: 'gpt', price: { input: 0.25 } }] });
  });

  test('says in one line what is wrong with a file', async () => {
    await folder.write(
      'litellm.yaml',
      'model_list:\n  - model_name: a\nsettings:\n  fallbacks=[{"a": ["b"]}]\n  b: c\n',
    );
    const litellm = await folder.run(['config', 'import', 'litellm', 'litellm.yaml']);
    expect(litellm).toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringMatching(/^sluice: litellm\.yaml:4:\d+: .*\n$/),
    });
    await folder.write('portkey.json', '{"a": 1}');
    const portkey = await folder.run(['config', 'import', 'portkey', 'portkey.json']);
    expect(portkey).toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringMatching(/^sluice: portkey\.json: not a config.*\n$/),
    });
  });
});

test('a model without a price is warned of, and no prompt is routed to it', async () => {
  await folder.write('sluice.yaml', CONFIG);
  const { stdout } = await folder.run(['doctor']);
  expect(stdout.match(/^warn {2}configuration {2}model local \(llama of own\): nobody knows its price/gm)).toHaveLength(
    1,
  );
  const route = await folder.run(['route', 'hello', '--model', 'local']);
  expect(route.code).toBe(1);
  expect(route.stdout).toContain('local: left out, nobody knows its price');
  const free = await folder.run(['route', 'hello', '--model', 'mini', '--json']);
  expect(JSON.parse(free.stdout)).toMatchObject({
    chain: [{ model: 'mini' }],
    dropped: expect.arrayContaining([{ model: 'local', reason: 'not-allowed', explanation: expect.anything() }]),
  });
});
