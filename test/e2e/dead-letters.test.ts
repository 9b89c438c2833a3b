import { expect, test } from 'vitest';
import { parseLines, useWorkshop } from '../support/cli.ts';

const open = useWorkshop();

const PROFILES = {
  'sim/cheap': { price: { input: 1, output: 4 }, latency: { p50_ms: 0, p95_ms: 0 } },
  'sim/dear': { price: { input: 10, output: 40 }, latency: { p50_ms: 0, p95_ms: 0 } },
};

test('failed rows are listed, shown without their prompt, and run once more on demand', async () => {
  const workshop = await open();
  // The first pass fails whole.
  const sim = await workshop.startSim(PROFILES, '--fail', '*=500:1,first=3');
  await workshop.configure(sim.url, { routing: { strategy: 'order', default_max_tokens: 64, max_attempts: 1 } });
  const rows = ['one', 'two', 'three'].map((id) => JSON.stringify({ id, prompt: `secret ${id}`, model: 'cheap' }));
  const file = await workshop.write('rows.jsonl', `${rows.join('\n')}\n`);
  const first = await workshop.run(['batch', 'run', file, '--id', 'b', '--json']);
  expect(first.code).toBe(1);
  const host = workshop.startHost();

  const listed = JSON.parse((await host.run(['dlq', 'list', '--batch', 'b', '--json'])).stdout) as {
    total: number;
    jobs: { row_id: string; code: string }[];
  };
  expect(listed.total).toBe(3);
  expect(listed.jobs.map((job) => job.row_id).toSorted()).toEqual(['one', 'three', 'two']);
  const table = await host.run(['dlq', 'list', '--limit', '1']);
  expect(table.stdout.trimEnd().split('\n')).toHaveLength(2);
  expect((await host.run(['dlq', 'list', '--code', 'BUDGET_EXCEEDED'])).stderr).toContain('no failed jobs that match');

  const shown = await host.run(['dlq', 'show', 'two', '--batch', 'b']);
  expect(shown.stdout).toContain('«hidden: 10 characters»');
  expect(shown.stdout).not.toContain('secret');
  expect((await host.run(['dlq', 'show', 'b-1', '--prompt'])).stdout).toContain('secret two');

  const wrong = await host.run(['dlq', 'retry', 'four', '--batch', 'b']);
  expect(wrong).toMatchObject({ code: 2, stderr: expect.stringContaining('no failed job "four" of batch "b" here') });
  expect(await host.run(['dlq', 'retry'])).toMatchObject({ code: 2 });
  expect((await host.run(['dlq', 'retry', '--all', '--dry-run'])).stderr).toContain('3 jobs would be retried');
  expect(await host.run(['dlq', 'retry', '--batch', 'b'])).toMatchObject({
    code: 0,
    stderr: expect.stringContaining('3 jobs back in the queue'),
  });

  const again = await workshop.run(['batch', 'run', file, '--id', 'b', '--out', 'again.jsonl']);
  expect(again).toMatchObject({ code: 0 });
  expect(parseLines(await workshop.read('again.jsonl'))).toHaveLength(3);
  expect((await sim.totals()).calls).toBe(6);
});
