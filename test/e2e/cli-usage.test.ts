import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Workshop } from '../support/cli.ts';
import { foldPlainly, readRollups, someEntries, writeEntries } from '../support/usage-steps.ts';

const ENTRIES = someEntries(80);
const ARCHIVE = ['usage', 'archive', '--older-than', '0s'];

let workshop: Workshop;
let host: ReturnType<Workshop['startHost']>;
beforeAll(async () => {
  workshop = await Workshop.open();
  host = workshop.startHost();
});
afterAll(() => workshop.close());

async function say(...words: string[]): Promise<string> {
  const { code, stdout, stderr } = await host.run(words);
  return `${code} ${stdout}${stderr}`.replaceAll(workshop.directory, 'FOLDER');
}

async function sums(...words: string[]): Promise<Record<string, unknown>> {
  return JSON.parse((await host.run(['usage', ...words, '--json'])).stdout) as Record<string, unknown>;
}

test('usage is archived, trimmed, counted again and told of, and the sums stay what they were', async () => {
  const { redis, keys } = workshop.stores;
  await writeEntries(workshop.stores, ENTRIES);
  await redis.xgroup('CREATE', keys.usage, 'billing', ENTRIES[49]?.id ?? '', 'MKSTREAM');
  const before = await sums('--by', 'account');
  const middle = new Date(Number(ENTRIES[5]?.id.split('-')[0])).toISOString();

  expect(await say(...ARCHIVE)).toBe(
    '0 80 records archived in FOLDER/usage-archive, 50 trimmed; the rest is held by group billing (30 unread, 0 pending)\n',
  );
  expect(await readRollups(workshop.stores)).toEqual(foldPlainly(ENTRIES));
  expect(await sums('--by', 'account')).toEqual(before);
  expect(before['archived']).toBeNull();
  expect(await say(...ARCHIVE)).toContain(
    '0 0 records archived in FOLDER/usage-archive, 0 trimmed; the rest is held by',
  );

  expect(await say('usage', '--by', 'model,task')).toMatch(
    /not in it: calls to 2026-\d\d-\d\d \S+ UTC, which are archived in FOLDER\/usage-archive\n$/,
  );
  expect(await say('usage', '--stream', '--since', middle)).toMatch(
    /\nnot in it: calls from |^0 .*not in it: calls from /s,
  );
  expect(await sums('--since', middle)).toMatchObject({ archived: { since: middle, directory: expect.any(String) } });

  await redis.xgroup('SETID', keys.usage, 'billing', '$');
  expect(await say('usage', 'archive')).toBe('0 0 records archived in FOLDER/usage-archive, 30 trimmed\n');
  expect(await sums('--by', 'account')).toEqual(before);
  expect(await say('usage', 'rebuild')).toMatch(
    /^0 \d+ days counted again \(80 records of the archive, 0 of the stream\): same numbers\n$/,
  );
  await redis.hincrby(`${keys.rollups}:2026-02-20:provider`, 'cost_nanos=alpha', 5);
  expect(await say('usage', 'rebuild', '--archive', 'usage-archive')).toMatch(
    /: 1 difference\n2026-02-20 {2}provider alpha {2}cost_nanos: -?\d+ before, -?\d+ now\n$/,
  );
  expect(await readRollups(workshop.stores)).toEqual(foldPlainly(ENTRIES));
});

test('the days are shown in order, each by what was asked for', async () => {
  const days = await sums('days', '--by', 'provider');
  const rows = days['days'] as { day: string; provider: string; cost_nanos: number }[];
  expect(rows.map(({ day }) => day)).toEqual(rows.map(({ day }) => day).toSorted());
  const plain = foldPlainly(ENTRIES);
  for (const { day, provider, cost_nanos: costNanos } of rows) {
    expect(costNanos).toBe(plain[`${day} provider ${JSON.stringify(provider)}`]?.cost_nanos ?? 0);
  }
  expect(days['total']).toEqual((await sums())['total']);
  const table = await say('usage', 'days', '--since', '2026-02-22');
  expect(table).toMatch(/^0 day +calls +failed +cached .*\n2026-02-22 /);
  expect(table).not.toContain('2026-02-21');
});

describe('a bad command of usage', () => {
  test.each([
    ['usage days --by modle', '"modle" is none of model, task, ', 'variant, batch.'],
    ['usage days --by model,task', '--by: days are kept by one of model, task, account, user, key, variant, provider'],
    ['usage days --by batch', '--by: days are kept by one of'],
    ['usage days --batch b-1', "unknown option '--batch'"],
    ['usage rebuild --json', "unknown option '--json'"],
    ['usage archive --older-than soon', '--older-than <age>', 'Give a duration such as 12h, 7d or 30d.'],
    ['usage archive --to sluice.txt/x', 'cannot use FOLDER/sluice.txt/x', 'a part of the path is no folder'],
    ['usage rebuild --archive nowhere', 'FOLDER/nowhere does not hold', 'last in FOLDER/usage-archive'],
    ['usage dayz', "too many arguments for 'usage'. Expected 0 arguments but got 1: dayz; see "],
  ])('%s: one line that says what is wrong', async (command, ...parts) => {
    await workshop.write('sluice.txt', '');
    const { code, stdout, stderr } = await host.run(command.split(' '));
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    for (const part of parts) expect(stderr.replaceAll(workshop.directory, 'FOLDER')).toContain(part);
  });
});

test('a Redis that is full can be archived, and has room again', async () => {
  const { redis, keys } = workshop.stores;
  const later = someEntries(30).map(({ id, record }) => {
    const [ms, number] = id.split('-').map(Number);
    return { id: `${(ms ?? 0) + 60 * 86_400_000}-${number}`, record };
  });
  await writeEntries(workshop.stores, later);
  await redis.xgroup('DESTROY', keys.usage, 'billing');
  await redis.config('SET', 'maxmemory', '1');
  await expect(redis.set(`${keys.prefix}:any`, '1')).rejects.toThrow('OOM');
  expect(await say(...ARCHIVE)).toContain('0 30 records archived in FOLDER/usage-archive, 30 trimmed\n');
  await redis.config('SET', 'maxmemory', '0');
  expect(await readRollups(workshop.stores)).toEqual(foldPlainly([...ENTRIES, ...later]));
});

test('archiving that is killed at any moment goes on where it was', { timeout: 120_000 }, async () => {
  const { redis, keys } = workshop.stores;
  const days = 90 * 86_400_000;
  const record = someEntries(1)[0]?.record;
  if (!record) throw new Error('there is one');
  const many = Array.from({ length: 20_000 }, (_, index) => ({
    id: `${Date.UTC(2026, 1, 20) + days + index * 10_000}-1`,
    record,
  }));
  await writeEntries(workshop.stores, many);
  const calls = ((await sums('--by', 'day'))['total'] as { calls: number }).calls;
  let killed = 0;
  for (let delayMs = 200; ; delayMs += 150) {
    const run = workshop.start(ARCHIVE);
    const timer = setTimeout(() => run.child.kill('SIGKILL'), delayMs);
    const code = await run.exited;
    clearTimeout(timer);
    await redis.del(keys.usageLock);
    if (code === 0) break;
    killed += 1;
  }
  expect(killed).toBeGreaterThan(0);
  const { stdout } = await host.run(['usage', 'rebuild']);
  expect(stdout).toContain('(20,110 records of the archive, 0 of the stream): same numbers');
  expect(((await sums('--by', 'day'))['total'] as { calls: number }).calls).toBe(calls);
});
