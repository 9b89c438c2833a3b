import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isSecretOf } from '../../src/domain/api-key.ts';
import { readApiKey } from '../../src/store/api-keys.ts';
import { type CliRun, Workshop, parseLines } from '../support/cli.ts';

let workshop: Workshop;
let sluice: (...commandArguments: string[]) => Promise<CliRun>;

beforeAll(async () => {
  workshop = await Workshop.open();
  await workshop.configure('http://127.0.0.1:9/v1', {
    models: { cheap: { provider: 'sim', id: 'sim/cheap', price: { input: 1, output: 4 } } },
  });
  const host = workshop.startHost();
  sluice = (...commandArguments) => host.run(commandArguments);
});
afterAll(() => workshop.close());

async function create(...flags: string[]): Promise<{ id: string; secret: string }> {
  const [facts] = parseLines((await sluice('key', 'create', '--json', ...flags)).stdout);
  return { id: String(facts?.['id']), secret: String(facts?.['secret']) };
}

async function opens(secret: string): Promise<boolean> {
  const { redis, keys } = workshop.stores;
  return isSecretOf(secret, await readApiKey(redis, keys, secret.slice(10, 22)), Date.now());
}

describe('sluice key', () => {
  test('creates one whose secret stands alone on stdout, this once', async () => {
    expect((await sluice('key', 'list')).stderr).toMatch(
      /^no keys yet; make one with: .*sluice key create --name NAME$/m,
    );
    const terms = '--account team --budget 20 --window day --models cheap --lanes interactive,batch --rpm 600';
    const { code, stdout, stderr } = await sluice(
      'key',
      'create',
      '--name',
      'shop',
      ...terms.split(' '),
      '--expires',
      '30d',
    );
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: expect.stringMatching(/^sk-sluice-[0-9a-f]{12}-[\w-]{43}\n$/),
    });
    expect(stderr).toMatch(
      /^key [0-9a-f]{12} \(shop\): active; account team; models cheap; lanes interactive,batch; 600 rpm; \$20\.00 a day; expires /,
    );
    expect(await opens(stdout.trim())).toBe(true);
    const list = await sluice('key', 'list');
    expect(list.stdout).toMatch(
      /^[0-9a-f]{12} +shop +team +active +\d.* cheap +interactive,batch +600 rpm +\$20\.00 a day$/m,
    );
    expect(list.stdout + (await sluice('key', 'list', '--json')).stdout + stderr).not.toContain(
      stdout.trim().slice(-43),
    );
  });

  test('rotates one by its name: the old secret works on for its grace alone', async () => {
    const { id, secret } = await create('--name', 'rotated');
    const first = await sluice('key', 'rotate', 'rotated', '--grace', '1h');
    expect(first.stderr).toMatch(/: active, old secret until \d/);
    expect([await opens(secret), await opens(first.stdout.trim())]).toEqual([true, true]);
    const [facts] = parseLines((await sluice('key', 'rotate', id, '--json')).stdout);
    expect([await opens(first.stdout.trim()), await opens(String(facts?.['secret']))]).toEqual([false, true]);
  });

  test('revokes one for good and keeps it in the list', async () => {
    const { id } = await create('--name', 'revoked');
    expect((await sluice('key', 'revoke', 'revoked')).stdout).toMatch(/^key [0-9a-f]{12} \(revoked\): revoked;/);
    const rows = parseLines((await sluice('key', 'list', '--json')).stdout);
    expect(rows.find((row) => row['id'] === id)).toMatchObject({ state: 'revoked', revoked_at: expect.any(String) });
    expect(await sluice('key', 'rotate', id)).toMatchObject({
      code: 2,
      stderr: `sluice: key ${id} is revoked for good; create another one\n`,
    });
    // Its name is free for another one.
    const next = await create('--name', 'revoked');
    expect(parseLines((await sluice('key', 'set', 'revoked', '--rpm', '5', '--json')).stdout)).toMatchObject([
      { id: next.id, requests_per_minute: 5 },
    ]);
  });

  test('sets what is given and takes away what is set to none', async () => {
    const { id } = await create(
      '--name',
      'set',
      '--models',
      'cheap',
      '--tpm',
      '1000',
      '--budget',
      '1',
      '--expires',
      '1h',
    );
    const changed = ['--models', 'none', '--tpm', 'none', '--budget', '2.5', '--window', 'month', '--expires', 'none'];
    const { stdout, stderr } = await sluice('key', 'set', id, ...changed, '--concurrency', '4', '--json');
    expect(stderr).toBe('');
    expect(parseLines(stdout)[0]).toMatchObject({
      name: 'set',
      models: null,
      tokens_per_minute: null,
      concurrency: 4,
      budget_usd: 2.5,
      budget_window: 'month',
      expires_at: null,
    });
  });

  test.each([
    [['create'], /required option '--name <name>' not specified/],
    [['create', '--name', 'a', '--models', 'cheap,chaep'], /^sluice: unknown model "chaep"; known: cheap$/],
    [['create', '--name', 'a', '--lanes', 'fast'], /^sluice: unknown lane "fast"; known: batch, interactive$/],
    [['create', '--name', 'a b'], /^sluice: --name: .*1 to 128 letters/],
    [['create', '--name', 'a', '--rpm', '99999999999'], /^sluice: --rpm: .*10000000/],
    [['create', '--name', 'a', '--rpm', '0'], /Give a whole number of at least 1/],
    [['create', '--name', 'a', '--window', 'day'], /^sluice: --window says when .* give --budget, too$/],
    [['create', '--name', 'a', '--window', 'year'], /hour, day, week, month, total/],
    [['create', '--name', 'a', '--expires', '2020-01-01'], /Give a duration such as 12h or 30d, a date to come/],
    [['create', '--name', 'a', '--models', ','], /Give names with commas between, or none\.$/],
    [['rotate', 'shop', '--grace', 'long'], /Give a duration such as 10m, 1h or 7d, or 0\.$/],
    [['revoke', 'nobody'], /^sluice: no key "nobody" here; .*sluice key list shows those that there are$/],
    [['set', 'shop'], /^sluice: nothing to change; say what, as in --rpm 600$/],
  ])('refuses %j in one line', async (commandArguments, line) => {
    const { code, stderr, stdout } = await sluice('key', ...commandArguments);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr.split('\n')[0]).toMatch(line);
  });

  test('wants an id where a name is that of two, and never repeats a secret', async () => {
    const [one, two] = [await create('--name', 'twin'), await create('--name', 'twin')];
    expect((await sluice('key', 'revoke', 'twin')).stderr).toBe(
      `sluice: 2 keys are called "twin"; give the id of one: ${one.id}, ${two.id}\n`,
    );
    const { stderr } = await sluice('key', 'revoke', one.secret);
    expect(stderr).toBe('sluice: that is the secret of a key; give its id, or its name\n');
  });
});

describe('the budget of a key', () => {
  test('is listed, raised and set like any other', async () => {
    const { id } = await create('--name', 'spender', '--budget', '3', '--window', 'week');
    await create('--name', 'free');
    expect((await sluice('budget', 'list')).stdout).toMatch(
      new RegExp(String.raw`^key:${id} +week +\$3\.00 +\$0\.00 +\$0\.00 +\$3\.00 `, 'm'),
    );
    expect((await sluice('budget', 'top-up', `key:${id}`, '2')).stdout).toMatch(/^key:\w+: \$5\.00 \(\+\$2\.00\) in /);
    expect((await sluice('budget', 'set', 'key:spender', '10')).stdout).toMatch(
      /^key:\w+: \$12\.00 \(set, \+\$2\.00\) in /,
    );
    expect(await sluice('budget', 'set', 'key:free', '1')).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(
        /^sluice: key \w+ has no budget: give it one with .*sluice key set \w+ --budget USD$/m,
      ),
    });
    await sluice('key', 'revoke', id);
    expect((await sluice('budget', 'list')).stdout).not.toContain(id);
  });
});
