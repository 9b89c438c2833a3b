import { parse } from 'yaml';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type CliRun, Workshop, parseLines } from '../support/cli.ts';
import { usageRecord } from '../support/ledger-steps.ts';

let workshop: Workshop;
let sluice: (...commandArguments: string[]) => Promise<CliRun>;

const VARIANTS = { control: {}, frugal: { models: ['cheap', 'dear'], strategy: 'order' as const } };

beforeAll(async () => {
  workshop = await Workshop.open();
  await configure('');
  const host = workshop.startHost();
  sluice = (...commandArguments) => host.run(['experiment', ...commandArguments]);
});
afterAll(() => workshop.close());

function configure(salt: string): Promise<void> {
  return workshop.configure('http://127.0.0.1:9/v1', {
    experiments: {
      pricing: { tasks: ['coding', 'simple'], measure: 'cost', salt, variants: VARIANTS },
      words: {
        share: 0.2,
        exclusion_group: 'style',
        variants: { a: {}, b: { weights: { quality: 1, cost: 0, latency: 0 } } },
      },
      three: { measure: 'latency', variants: { a: {}, b: { strategy: 'cost' }, c: { models: ['dear'] } } },
    },
  });
}

/** So many calls of each variant, one a user, by turns: the figure of each by the variant's name. */
async function record(
  experiment: string,
  figures: Record<string, (call: number) => number>,
  calls: number,
): Promise<void> {
  const { redis, keys } = workshop.stores;
  const pipeline = redis.pipeline();
  for (let call = 0; call < calls; call += 1) {
    for (const [variant, figure] of Object.entries(figures)) {
      const record = usageRecord({ job: `${experiment}-${variant}-${call}` }, 'completed', figure(call));
      const told = { ...record, latency_ms: figure(call), variant: `${experiment}:${variant}` };
      pipeline.xadd(keys.usage, '*', 'record', JSON.stringify(told));
    }
  }
  await pipeline.exec();
}

const jsonOf = ({ stdout }: CliRun): Record<string, unknown> => parseLines(stdout)[0] ?? {};

describe('sluice experiment', () => {
  test('says how things stand before there is anything, without a worker', async () => {
    const { code, stdout } = await sluice('status', 'words');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^words: running; by score, alpha 0\.05; counted since \d{4}-/);
    expect(stdout).toMatch(/^a +50 % +0 +0 +- +0\.000 to 1\.000 +control$/m);
    expect(stdout).toMatch(/^undecided: no outcome of b differs yet from one of a; evidence of 20 decides$/m);
    expect(jsonOf(await sluice('status', 'words', '--json'))).toMatchObject({
      experiment: 'words',
      state: 'running',
      share: 0.2,
      exclusion_group: 'style',
      winner: null,
      variants: [
        { variant: 'a', share: 0.5, units: 0, mean: null, against_control: null },
        { variant: 'b', against_control: { wins: 0, evidence: 1, p: 1, decision: 'undecided' } },
      ],
    });
    expect((await sluice('list')).stdout).toMatch(/^words +running +score +all +a, b +0 +undecided$/m);
  });

  test('will not promote what is undecided, unless it is told which', async () => {
    expect(await sluice('promote', 'pricing')).toMatchObject({
      code: 2,
      stdout: '',
      stderr:
        'sluice: experiment "pricing": it is not decided which variant is the best; name the one that you want with --variant\n',
    });
    const promoted = await sluice('promote', 'words', '--variant', 'b');
    expect(parse(promoted.stdout)).toEqual({ routing: { weights: { quality: 1, cost: 0, latency: 0 } } });
    expect(promoted.stderr).toMatch(/^words: promoted b; to take it back: .*experiment resume words$/m);
    expect((await sluice('resume', 'words')).stdout).toBe('words: goes on\n');
    expect(await sluice('resume', 'words')).toMatchObject({
      code: 2,
      stderr: 'sluice: experiment "words" is neither stopped nor promoted; nothing was changed\n',
    });
  });

  test('tells what was decided, stops, and promotes the winner with what to put into the configuration', async () => {
    await record('pricing', { control: () => 2_000_000, frugal: (call) => 1_000_000 + call }, 30);
    const { stdout } = await sluice('status', 'pricing');
    expect(stdout).toMatch(/^control +50 % +30 +30 +\$0\.0020 +\$0\.0020 to \$0\.0020 +control$/m);
    expect(stdout).toMatch(/^frugal +50 % +30 +30 +\$0\.0010 .* +30\/0\/0 +3\.5e\+7 +<0\.0001$/m);
    expect(stdout).toMatch(
      /^frugal is cheaper than control, decided after 8 pairs: frugal was cheaper in 30 of the 30/m,
    );
    expect(jsonOf(await sluice('status', 'pricing', '--json'))).toMatchObject({ winner: 'frugal', mismatch: [] });
    expect((await sluice('list')).stdout).toMatch(/^pricing .* frugal better$/m);

    expect((await sluice('stop', 'pricing')).stderr).toMatch(/^pricing: stopped; to take it back: /);
    expect((await sluice('status', 'pricing')).stdout).toMatch(/^pricing: stopped at \d{4}-/);
    const promoted = await sluice('promote', 'pricing');
    expect(promoted.stderr).toMatch(/^pricing: promoted frugal \(was stopped\); /);
    const settings = { models: ['cheap', 'dear'], strategy: 'order' };
    expect(parse(promoted.stdout)).toEqual({ tasks: { coding: settings, simple: settings } });
    expect(promoted.stdout).toMatch(/^# and take experiments\.pricing out$/m);
    expect(jsonOf(await sluice('promote', 'pricing', '--json'))).toMatchObject({
      experiment: 'pricing',
      state: 'promoted',
      variant: 'frugal',
      before: 'promoted frugal',
      settings,
    });
    expect(jsonOf(await sluice('resume', 'pricing', '--json'))).toEqual({ experiment: 'pricing', state: 'running' });
  });

  test('warns of a result that cannot be trusted, and promotes nobody by it', async () => {
    await record('three', { a: () => 500, b: () => 300 }, 80);
    const { stdout } = await sluice('status', 'three');
    expect(stdout).toMatch(/^b is faster than a, decided after 9 pairs/m);
    expect(stdout).toMatch(/^undecided: no outcome of c differs yet from one of a; evidence of 40 decides$/m);
    expect(stdout.match(/^warning: .*; the result cannot be trusted$/gm)).toHaveLength(2);
    expect((await sluice('promote', 'three')).stderr).toMatch(/its result cannot be trusted \(see its status\)/);
    const { stdout: yaml } = await sluice('promote', 'three', '--variant', 'c');
    expect(parse(yaml)).toEqual({ tasks: { simple: { models: ['dear'] }, coding: { models: ['dear'] } } });
    expect(yaml).toMatch(/^# models are listed by task/m);
    expect((await sluice('promote', 'three', '--variant', 'a')).stdout).toMatch(
      /^# variant "a" has no settings of its own/,
    );
  });

  test.each([
    [
      ['status', 'pricin'],
      /^sluice: unknown experiment "pricin"; known: pricing, three, words \(did you mean "pricing"\?\)$/,
    ],
    [['stop', 'nothing-like-it'], /^sluice: unknown experiment "nothing-like-it"; known: pricing, three, words$/],
    [['resume', 'wrds'], /unknown experiment "wrds".*\(did you mean "words"\?\)$/],
    [
      ['promote', 'pricing', '--variant', 'frugle'],
      /^sluice: unknown variant of experiment "pricing" "frugle"; known: control, frugal \(did you mean "frugal"\?\)$/,
    ],
    [['promote'], /missing required argument 'name'/],
  ])('refuses %j in one line', async (commandArguments, line) => {
    const { code, stderr, stdout } = await sluice(...commandArguments);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr.trimEnd()).toMatch(line);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
  });

  test('says so when workers count it under another configuration', async () => {
    await configure('changed');
    expect(await sluice('status', 'pricing')).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(
        /^sluice: experiment "pricing" is counted under another configuration than this file/,
      ),
    });
    expect((await sluice('list')).stdout).toMatch(/^pricing .* - +counted under another configuration$/m);
  });
});
