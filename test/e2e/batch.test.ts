import { beforeEach, describe, expect, it } from 'vitest';
import { type CliRun, type SimProcess, type Workshop, useWorkshop } from '../support/cli.ts';

// oxlint-disable-next-line no-control-regex -- they are what is looked for
const ESCAPES = /\u001b/;
const PRICE = { input: 1, output: 4 };
const LATENCY = { p50_ms: 5, p95_ms: 10 };
const PROFILES = {
  'sim/cheap': { price: PRICE, latency: LATENCY },
  'sim/dear': { price: { input: 10, output: 40 }, latency: LATENCY },
};

const openWorkshop = useWorkshop();
let workshop: Workshop;
let sim: SimProcess;

beforeEach(async () => {
  workshop = await openWorkshop();
  await workshop.write(
    'answers.jsonl',
    [
      { prompt: 'What is 2 + 3?', task: 'simple', answer: '5', wrong: '6' },
      { prompt: 'What is the capital of Peru?', task: 'simple', answer: 'Lima', wrong: 'Cuzco' },
    ]
      .map((line) => `${JSON.stringify(line)}\n`)
      .join(''),
  );
  sim = await workshop.startSim(PROFILES, '--answers', 'answers.jsonl', '--fail', 'sim/dear=400');
  await workshop.configure(sim.url);
});

function rows(count: number, fields: object = {}): string {
  return Array.from({ length: count }, (_, index) =>
    JSON.stringify({ id: `row-${index}`, task: 'simple', prompt: `Tell me about ${index}.`, ...fields }),
  ).join('\n');
}

/** The one JSON object that a command with --json prints. */
function objectOf({ stdout }: CliRun): Record<string, unknown> {
  expect(stdout).toMatch(/^\{.*\}\n$/);
  return JSON.parse(stdout) as Record<string, unknown>;
}

const MIXED = [
  {
    custom_id: 'openai-1',
    method: 'POST',
    url: '/v1/chat/completions',
    body: {
      model: 'sim/cheap',
      messages: [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: 'What is 2 + 3?' },
      ],
      max_tokens: 20,
      temperature: 0,
      metadata: { suite: 'sums' },
    },
    x_sluice: { task: 'simple', expect: { number: 5 } },
  },
  { id: 'right', task: 'simple', prompt: 'What is the capital of Peru?', expect: { equals: 'lima' }, user: 'u-1' },
  { id: 'wrong', task: 'simple', prompt: 'What is 2 + 3?', expect: { equals: 'twelve' } },
  { id: 'refused', task: 'coding', model: 'dear', prompt: 'A secret prompt.' },
];

describe('batch run', () => {
  it('answers OpenAI’s lines and our own in OpenAI’s output lines, failed rows apart, with the accuracy', async () => {
    await workshop.write('mixed.jsonl', MIXED.map((line) => JSON.stringify(line)).join('\n'));
    const run = await workshop.run(['batch', 'run', 'mixed.jsonl', '--json']);
    expect(run).toMatchObject({ code: 1, stderr: 'results: mixed.results.jsonl, failed rows: mixed.errors.jsonl\n' });
    const summary = objectOf(run);
    expect(summary).toMatchObject({ rows: 4, completed: 3, failed: 1, open: 0, attempts: 4, fallbacks: 0 });
    expect(summary).toMatchObject({
      errors: { REQUEST_REJECTED: 1 },
      accuracy: { scored: 3, correct: 2, share: 2 / 3 },
      by_task: [
        { task: 'coding', rows: 1, completed: 0, accuracy: null },
        { task: 'simple', rows: 3, completed: 3, accuracy: { scored: 3, correct: 2 } },
      ],
    });

    const results = await workshop.readLines('mixed.results.jsonl');
    expect(results.map((line) => line['custom_id'])).toEqual(['openai-1', 'right', 'wrong']);
    for (const line of results) {
      expect(line).toEqual({
        id: expect.stringMatching(/^batch_req_/),
        custom_id: expect.any(String),
        response: {
          status_code: 200,
          request_id: expect.any(String),
          body: {
            id: expect.stringMatching(/^chatcmpl-/),
            object: 'chat.completion',
            created: expect.closeTo(Date.now() / 1_000, -3),
            model: 'sim/cheap',
            provider: 'sim',
            choices: [
              {
                index: 0,
                message: { role: 'assistant', content: expect.any(String), refusal: null },
                logprobs: null,
                finish_reason: 'stop',
              },
            ],
            usage: {
              prompt_tokens: expect.any(Number),
              completion_tokens: expect.any(Number),
              total_tokens: expect.any(Number),
              prompt_tokens_details: { cached_tokens: 0 },
              completion_tokens_details: { reasoning_tokens: 0 },
              cost: expect.any(Number),
            },
          },
        },
        error: null,
        x_sluice: expect.objectContaining({
          model: 'cheap',
          provider: 'sim',
          task: 'simple',
          cached: false,
          cost_usd: expect.any(Number),
          latency_ms: expect.any(Number),
          total_ms: expect.any(Number),
          attempts: [expect.objectContaining({ model: 'cheap', outcome: 'completed', cost_usd: expect.any(Number) })],
        }),
      });
    }
    expect(results.map((line) => line['x_sluice'])).toMatchObject([
      { score: 1, metadata: { suite: 'sums' } },
      { score: 1, user: 'u-1' },
      { score: 0 },
    ]);
    const [failed, ...others] = await workshop.readLines('mixed.errors.jsonl');
    expect(others).toEqual([]);
    expect(failed).toMatchObject({
      custom_id: 'refused',
      response: null,
      error: { code: 'REQUEST_REJECTED', message: expect.not.stringContaining('secret') },
      x_sluice: { attempts: [{ model: 'dear', outcome: 'failed', status: 400 }] },
    });
    // The bill is that of the provider's own ledger.
    expect(Math.round(Number(summary['cost_usd']) * 1e9)).toBe((await sim.totals()).cost_nanos);
    expect(await workshop.stores.money()).toMatchObject({ heldNanos: 0 });
  });

  it('reads stdin and answers on stdout; its progress has no escape sequences off a terminal', async () => {
    const { code, stdout, stderr } = await workshop.run(['batch', 'run', '-'], { input: rows(3) });
    expect(code).toBe(0);
    const lines = stdout.trimEnd().split('\n');
    expect(lines.map((line) => (JSON.parse(line) as { custom_id: string }).custom_id)).toEqual([
      'row-0',
      'row-1',
      'row-2',
    ]);
    expect(stderr).not.toMatch(ESCAPES);
    expect(stderr).toMatch(/^batch b-[0-9a-f]{16}\n/);
    expect(stderr).toContain('[====================] 3/3 done');
    expect(stderr).toContain('3 rows: 3 completed, 0 failed; 3 attempts, 0 fallbacks');
  });

  it('keeps stdout for the one JSON object when rows come from stdin', async () => {
    const run = await workshop.run(['batch', 'run', '-', '--json'], { input: rows(2) });
    const { id, completed } = objectOf(run);
    expect(completed).toBe(2);
    expect(await workshop.readLines(`sluice-${String(id)}.results.jsonl`)).toHaveLength(2);
    expect(run.stderr).toBe(`results: sluice-${String(id)}.results.jsonl\n`);
  });

  it('stops at the cap, with exit code 4, and never passes it', async () => {
    await workshop.write('rows.jsonl', rows(60));
    const run = await workshop.run(['batch', 'run', 'rows.jsonl', '--max-total-usd', '0.001', '--json']);
    expect(run.code).toBe(4);
    const { completed, failed, errors } = objectOf(run) as { completed: number; failed: number; errors: object };
    expect(errors).toEqual({ BUDGET_EXCEEDED: failed });
    expect(completed).toBeGreaterThan(0);
    expect(completed + failed).toBe(60);
    const spentNanos = (await workshop.stores.usage()).reduce((sum, record) => sum + record.cost_nanos, 0);
    expect(spentNanos).toBeLessThanOrEqual(1_000_000);
    expect(spentNanos).toBe((await sim.totals()).cost_nanos);
    expect(await workshop.stores.money()).toEqual({ spentNanos, heldNanos: 0 });
  });

  it('sets bad lines aside with --skip-invalid, and routes freely with --any-model', async () => {
    const unknownModel = JSON.stringify({ id: 'elsewhere', model: 'gpt-4o', prompt: 'Hello.' });
    await workshop.write('rows.jsonl', `${rows(2)}\nno JSON\n${unknownModel}\n`);
    const skipped = await workshop.run(['batch', 'run', 'rows.jsonl', '--skip-invalid', '--json']);
    expect(skipped.code).toBe(0);
    expect(objectOf(skipped)).toMatchObject({ rows: 2, completed: 2 });
    expect(skipped.stderr).toContain('set aside: rows.jsonl:3: not valid JSON');
    expect(skipped.stderr).toContain('set aside: rows.jsonl:4: model: unknown model "gpt-4o"; known: cheap, dear\n');

    await workshop.write('rows.jsonl', unknownModel);
    const free = await workshop.run(['batch', 'run', 'rows.jsonl', '--any-model', '--json']);
    expect(objectOf(free)).toMatchObject({ rows: 1, completed: 1, by_model: [{ model: 'cheap' }] });
  });

  it('runs no row twice: not when a file comes again, nor when it comes twice at the same time', async () => {
    await workshop.write('rows.jsonl', rows(40));
    const run = (out: string): Promise<CliRun> => workshop.run(['batch', 'run', 'rows.jsonl', '--out', out]);
    const runs = await Promise.all([run('one.jsonl'), run('two.jsonl')]);
    expect(runs.map(({ code }) => code)).toEqual([0, 0]);
    expect((await sim.totals()).calls).toBe(40);
    const again = await run('three.jsonl');
    expect(again.code).toBe(0);
    expect(again.stderr).toMatch(/^batch b-[0-9a-f]{16} was submitted before; nothing runs twice\n/);
    expect((await sim.totals()).calls).toBe(40);
    const [one, two, three] = await Promise.all(
      ['one.jsonl', 'two.jsonl', 'three.jsonl'].map((name) => workshop.read(name)),
    );
    expect(two).toBe(one);
    expect(three).toBe(one);
  });
});
