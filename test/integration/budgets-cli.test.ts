import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type CliRun, type SimProcess, Workshop, parseLines } from '../support/cli.ts';
import { until } from '../support/harness.ts';

let workshop: Workshop;
let sim: SimProcess;
let sluice: (...commandArguments: string[]) => Promise<CliRun>;

beforeAll(async () => {
  workshop = await Workshop.open();
  sim = await workshop.startSim({ 'sim/cheap': { price: { input: 1, output: 4 }, latency: { p50_ms: 1, p95_ms: 2 } } });
  await workshop.configure(sim.url, {
    models: { cheap: { provider: 'sim', id: 'sim/cheap', price: { input: 1, output: 4 } } },
    budgets: {
      team: { limit_usd: 5, window: 'month', alert_at: 0.8 },
      each: { limit_usd: 1, per: 'user', soft: true },
      lean: { limit_usd: 0, window: 'day', account: 'lean', on_exhausted: 'park' },
    },
  });
  const host = workshop.startHost();
  sluice = (...commandArguments) => host.run(commandArguments);
});
afterAll(() => workshop.close());

function jsonOf({ stdout }: CliRun): Record<string, unknown>[] {
  return parseLines(stdout);
}

describe('sluice budget', () => {
  test('lists what is configured, and what was set and added', async () => {
    expect((await sluice('budget', 'list')).stdout).toMatch(
      /^team +month +\$5\.00 +\$0\.00 +\$0\.00 +\$5\.00 .* 80 %/m,
    );
    expect(await sluice('budget', 'set', 'team', '7.5')).toMatchObject({ code: 0 });
    const topUp = await sluice('budget', 'top-up', 'team', '0.000000001');
    expect(topUp.stdout).toMatch(
      /^team: \$7\.50 \(set, \+\$0\.0000000010?\) in \d{4}-\d\d, \$0\.00 spent, \$0\.00 held, \$7\.50 left\n$/,
    );
    const [team] = jsonOf(await sluice('budget', 'list', '--json'));
    expect(team).toMatchObject({
      purse: 'team',
      window: 'month',
      limit_usd: 7.500000001,
      topped_up_usd: 1e-9,
      is_set: true,
    });
    expect(String(team?.['resets_at'])).toMatch(/-01T00:00:00\.000Z$/);
    expect(jsonOf(await sluice('budget', 'unset', 'team', '--json'))).toMatchObject([{ limit_usd: 5.000000001 }]);
    expect(await sluice('budget', 'unset', 'team')).toMatchObject({
      code: 2,
      stderr: 'sluice: no limit of "team" is set by hand; nothing was changed\n',
    });
  });

  test('raises the limit of one user, or of each', async () => {
    expect((await sluice('budget', 'set', 'each', '2')).stdout).toBe('each: $2.00 for each user\n');
    expect((await sluice('budget', 'set', 'each/ada lovelace', '3')).stdout).toMatch(
      /^each\/ada%20lovelace: \$3\.00 \(set\)/,
    );
    // By the value, and as it stands in lists.
    for (const name of ['each/ada lovelace', 'each/ada%20lovelace']) {
      expect((await sluice('budget', 'top-up', name, '1')).stdout).toMatch(/^each\/ada%20lovelace: /);
    }
    const lines = jsonOf(await sluice('budget', 'list', '--json'));
    expect(lines.find(({ purse }) => purse === 'each/ada%20lovelace')).toMatchObject({ limit_usd: 5, soft: true });
  });

  test.each([
    [
      ['set', 'tema', '5'],
      /^sluice: unknown budget "tema"; known: each, lean, team; a batch's cap is batch:ID, a key's budget key:ID$/,
    ],
    [['top-up', 'each', '5'], /^sluice: budget "each" has a purse for each user; top up one of them: each\/VALUE$/],
    [['set', 'team/ada', '5'], /^sluice: budget "team" has one purse for all; leave out \/ada$/],
    [['top-up', 'batch:none', '5'], /^sluice: no batch "none" here; .*batch list shows those that there are$/],
    [['top-up', 'team', '-1'], /^sluice: .*-1/],
    [['top-up', 'team', '0'], /Give dollars above 0, such as 5 or 0\.25\.$/],
    [['set', 'team', 'lots'], /Give dollars from 0 to 1000000, with nine decimals at the most\.$/],
    [['set', 'team', '0.0000000001'], /Give dollars from 0 to 1000000, with nine decimals at the most\.$/],
  ])('refuses %j in one line', async (commandArguments, line) => {
    const { code, stderr, stdout } = await sluice('budget', ...commandArguments);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr.split('\n')[0]).toMatch(line);
  });

  test('says that there are no alerts yet', async () => {
    expect(await sluice('budget', 'alerts')).toMatchObject({
      code: 0,
      stdout: '',
      stderr: 'no alerts yet; alert_at and soft budgets raise them\n',
    });
  });
});

describe('a batch whose cap is spent', () => {
  test('needs a cap to be paused', async () => {
    await workshop.write('one.jsonl', '{"prompt":"hello"}\n');
    const { code, stderr } = await workshop.run(['batch', 'submit', 'one.jsonl', '--on-exhausted', 'pause']);
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: 'sluice: --on-exhausted says what becomes of rows when --max-total-usd is spent; give that, too\n',
    });
  });

  test('stops the command that follows it, says what to type, and goes on when that was typed', async () => {
    const rows = Array.from({ length: 12 }, (_, row) =>
      JSON.stringify({ id: `r${row}`, prompt: 'hello', max_tokens: 100 }),
    );
    await workshop.write('rows.jsonl', `${rows.join('\n')}\n`);
    const run = ['batch', 'run', 'rows.jsonl', '--id', 'b1', '--max-total-usd', '0.0012', '--on-exhausted', 'pause'];
    const paused = await workshop.run(run);
    expect(paused.code).toBe(5);
    expect(paused.stderr).toMatch(
      /^paused: budget "batch:b1" \$0\.00\d+ of \$0\.0012 spent, and the next call may cost up to /m,
    );
    expect(paused.stderr).toMatch(/^to go on: .*budget top-up batch:b1 USD, then .*batch resume b1$/m);
    const status = await sluice('batch', 'status', 'b1');
    expect(status.stdout).toMatch(/^b1: paused .*\n(.*\n)*paused: budget "batch:b1"/);
    const [json] = jsonOf(await sluice('batch', 'status', 'b1', '--json'));
    expect(json).toMatchObject({ state: 'paused', failed: 0, paused: { purse: 'batch:b1', limit_usd: 0.0012 } });

    const topUp = await sluice('budget', 'top-up', 'batch:b1', '1');
    expect(topUp.stderr).toMatch(/^batch b1 is paused; to go on with it: .*batch resume b1\n$/);
    expect(await sluice('batch', 'status', 'b1', '--watch')).toMatchObject({ code: 5 });
    expect((await sluice('batch', 'resume', 'b1')).stdout).toMatch(/^b1: resumed, \d+ waiting rows? released\n$/);
    expect((await sluice('batch', 'resume', 'b1')).stdout).toBe('b1: was not paused\n');
    const finished = await workshop.run(run);
    expect(finished).toMatchObject({ code: 0 });
    expect(await workshop.readLines('rows.results.jsonl')).toHaveLength(12);
    await until('the calls of all rows', async () => (await sim.totals()).calls === 12);
    const spent = await workshop.stores.ledger.budget('batch:b1', 'total');
    expect(spent).toEqual({ spentNanos: (await sim.totals()).cost_nanos, heldNanos: 0 });
  });
});

test('a batch that was cancelled while its rows waited for a budget says no more of it', async () => {
  await workshop.write('lean.jsonl', '{"prompt":"a","account":"lean"}\n{"prompt":"b","account":"lean"}\n');
  const worker = workshop.run(['batch', 'run', 'lean.jsonl', '--id', 'b-2']);
  const status = (): Promise<CliRun> => sluice('batch', 'status', 'b-2');
  await until('both rows are parked', async () => (await status()).stdout.includes('2 rows parked'));
  expect((await sluice('batch', 'cancel', 'b-2')).stdout).toContain('2 rows taken out');
  expect((await status()).stdout).not.toContain('parked');
  await worker;
});

test('a batch whose rows wait for a budget says so, and what to type', async () => {
  await workshop.write('lean.jsonl', '{"prompt":"a","account":"lean"}\n{"prompt":"b","account":"lean"}\n');
  const worker = workshop.run(['batch', 'run', 'lean.jsonl', '--id', 'b-1']);
  const status = (): Promise<CliRun> => sluice('batch', 'status', 'b-1');
  await until('both rows are parked', async () => (await status()).stdout.includes('2 rows parked'));
  expect((await status()).stdout).toMatch(/^2 rows parked: budget "lean" is spent; .*budget top-up lean USD$/m);
  expect(jsonOf(await sluice('batch', 'status', 'b-1', '--json'))).toMatchObject([{ parked: { lean: 2 } }]);
  expect((await sluice('budget', 'top-up', 'lean', '1')).stdout).toMatch(/2 jobs released\n$/);
  expect(await worker).toMatchObject({ code: 0 });
  expect(jsonOf(await sluice('batch', 'status', 'b-1', '--json'))).toMatchObject([{ parked: {} }]);
});
