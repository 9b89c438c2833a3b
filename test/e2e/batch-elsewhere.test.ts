import { readdir } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import type { SimProfilesInput } from '../../src/sim/profiles.ts';
import { type Workshop, parseLines, untilNothingRuns, useWorkshop } from '../support/cli.ts';
import { until } from '../support/harness.ts';

const openWorkshop = useWorkshop();

/** Models that take `latencyMs` for each answer. */
function profiles(latencyMs: number): SimProfilesInput {
  const latency = { p50_ms: latencyMs, p95_ms: latencyMs };
  return {
    'sim/cheap': { price: { input: 1, output: 4 }, latency },
    'sim/dear': { price: { input: 10, output: 40 }, latency },
  };
}

async function writeRows(workshop: Workshop, count: number): Promise<void> {
  const rows = Array.from({ length: count }, (_, index) =>
    JSON.stringify({ id: `r-${index}`, prompt: `Row ${index}.` }),
  );
  await workshop.write('rows.jsonl', rows.join('\n'));
}

/** Waits until so many rows of the only batch have completed. */
async function untilCompleted(workshop: Workshop, count: number): Promise<void> {
  await until(
    `${count} rows`,
    async () => ((await workshop.stores.batches.list(1))[0]?.completed ?? 0) >= count,
    20_000,
  );
}

describe('a batch whose work is done elsewhere', () => {
  it('is submitted, worked on, watched, listed and collected by commands of their own', async () => {
    const workshop = await openWorkshop();
    const sim = await workshop.startSim(profiles(10));
    await workshop.configure(sim.url);
    await writeRows(workshop, 30);
    const host = workshop.startHost();

    const submitted = await host.run([
      'batch',
      'submit',
      'rows.jsonl',
      '--id',
      'night',
      '--name',
      'nightly \u001b[31m',
    ]);
    expect(submitted).toMatchObject({ code: 0, stdout: 'night\n' });
    expect(submitted.stderr).toBe(
      '30 rows enqueued; to watch: sluice batch status night --watch\n' +
        'to run them: sluice worker, here or on any machine with the same Redis\n',
    );
    const early = await host.run(['batch', 'results', 'night']);
    expect(early).toMatchObject({ code: 0, stdout: '' });

    const watching = workshop.start(['batch', 'status', 'night', '--watch', '--json']);
    const worker = workshop.start(['worker', '--log-level', 'error']);
    expect(await watching.exited).toBe(0);
    expect(watching.stderr).toBe('');
    expect(JSON.parse(watching.stdout)).toMatchObject({
      id: 'night',
      state: 'finished',
      rows: 30,
      completed: 30,
      failed: 0,
    });

    const results = await host.run(['batch', 'results', 'night']);
    expect(results.code).toBe(0);
    expect(parseLines(results.stdout).map((line) => line['custom_id'])).toEqual(
      Array.from({ length: 30 }, (_, index) => `r-${index}`),
    );
    const intoFile = await host.run(['batch', 'results', 'night', '--out', 'all.jsonl', '--json']);
    expect(JSON.parse(intoFile.stdout)).toMatchObject({ id: 'night', rows: 30, completed: 30, open: 0 });
    expect(await workshop.read('all.jsonl')).toBe(results.stdout);
    expect(await host.run(['batch', 'results', 'night', '--json'])).toEqual({
      code: 2,
      stdout: '',
      stderr: 'sluice: --json needs --out FILE: the results go to stdout\n',
    });

    const list = await host.run(['batch', 'list']);
    expect(list.stdout).toMatch(/^night +finished +30\/30 +0 .* nightly \?\[31m$/m);
    expect((await host.run(['batch', 'status', 'night'])).stdout).toMatch(/^night: finished \(nightly \?\[31m\)\n/);
    expect(parseLines((await host.run(['batch', 'list', '--json'])).stdout)).toMatchObject([{ id: 'night' }]);
    // What has ended cannot be cancelled any more.
    const cancelled = await host.run(['batch', 'cancel', 'night', '--json']);
    expect(JSON.parse(cancelled.stdout)).toMatchObject({ state: 'finished', cancelled: 0, completed: 30 });
    expect(await worker.end('SIGTERM')).toBe(0);
  });

  it('keeps the results that there are when it is cancelled in the middle', async () => {
    const workshop = await openWorkshop();
    const sim = await workshop.startSim(profiles(150));
    await workshop.configure(sim.url);
    await writeRows(workshop, 80);
    const host = workshop.startHost();
    const running = workshop.start(['batch', 'run', 'rows.jsonl', '--id', 'half', '--concurrency', '8', '--json']);
    await untilCompleted(workshop, 10);

    const cancel = await host.run(['batch', 'cancel', 'half', '--json']);
    const told = JSON.parse(cancel.stdout) as { state: string; cancelled: number; broken_off: number };
    expect({ code: cancel.code, ...told }).toMatchObject({ code: 0, state: 'cancelled', under_way: 0 });
    expect(told.cancelled).toBeGreaterThan(0);

    // The command that runs it sees the end at once: nobody waits for the calls under way.
    expect(await running.exited).toBe(1);
    const summary = JSON.parse(running.stdout) as { completed: number; failed: number; errors: object };
    const { failed } = summary;
    expect(failed).toBe(told.cancelled + told.broken_off);
    expect(summary).toMatchObject({ rows: 80, open: 0, completed: 80 - failed, errors: { CANCELLED: failed } });
    expect(summary.completed).toBeGreaterThanOrEqual(10);
    expect((await sim.totals()).calls).toBe(summary.completed + told.broken_off);
    expect(await workshop.readLines('rows.results.jsonl')).toHaveLength(summary.completed);
    const errors = await workshop.readLines('rows.errors.jsonl');
    expect(errors).toHaveLength(failed);
    expect(errors[0]).toMatchObject({ custom_id: expect.stringMatching(/^r-\d+$/), error: { code: 'CANCELLED' } });
    expect((await host.run(['batch', 'results', 'half'])).code).toBe(1);
  });
});

describe('Ctrl-C', () => {
  it('leaves the rest of a running batch in the queue; the same command runs only that', async () => {
    const workshop = await openWorkshop();
    const sim = await workshop.startSim(profiles(100));
    await workshop.configure(sim.url);
    await writeRows(workshop, 80);
    const given = ['batch', 'run', 'rows.jsonl', '--concurrency', '8'];
    const running = workshop.start(given);
    await untilCompleted(workshop, 8);
    expect(await running.end('SIGINT')).toBe(130);
    expect(running.stderr).toMatch(
      /\nstopping: calls under way get up to 10 s, other rows stay in the queue, where the same command finds them; Ctrl-C again leaves at once\n/,
    );
    expect(running.stderr).toMatch(
      /\nstill in the queue: \d+ rows; the same command goes on with them, and so does any worker \(then: npx sluice batch results b-[0-9a-f]{16}\)\n$/,
    );
    const [status] = await workshop.stores.batches.list(1);
    expect(status?.completed).toBeLessThan(80);
    expect(await workshop.readLines('rows.results.jsonl')).toHaveLength(status?.completed ?? 0);
    // Only the simulated provider.
    await until('the workers to end', () => workshop.left().length === 1);

    const again = await workshop.run([...given, '--json']);
    expect(again.code).toBe(0);
    expect(JSON.parse(again.stdout)).toMatchObject({ rows: 80, completed: 80, attempts: 80 });
    expect((await sim.totals()).calls).toBe(80);
    expect(await workshop.readLines('rows.results.jsonl')).toHaveLength(80);
  });

  it('counts once when npm hands it on, and a second one leaves at once', async () => {
    const workshop = await openWorkshop();
    const sim = await workshop.startSim(profiles(3_000));
    await workshop.configure(sim.url);
    await writeRows(workshop, 20);
    const running = workshop.start(['batch', 'run', 'rows.jsonl', '--concurrency', '2']);
    await until('a call', async () => (await sim.totals()).calls === 1, 20_000);
    running.child.kill('SIGINT');
    running.child.kill('SIGINT');
    await running.said(/stopping: /);
    expect((await workshop.stores.batches.list(1))[0]).toMatchObject({ completed: 0 });
    expect(running.child.exitCode).toBe(null);
    // A person's second one comes later than npm's.
    await until('a second Ctrl-C to be heard', async () => {
      running.child.kill('SIGINT');
      return running.child.exitCode !== null;
    });
    expect(await running.exited).toBe(130);
    expect(running.stderr.match(/stopping: .*\n/g)).toHaveLength(1);
    expect(running.stderr).toMatch(
      /\nleft at once: what was enqueued stays in the queue, and the same command goes on with it\n$/,
    );
    expect(workshop.has('rows.results.jsonl')).toBe(false);
    // Only the simulated provider: the workers end by themselves, after the call that is under way.
    await until('the workers to end', () => workshop.left().length === 1, 15_000);
    expect((await workshop.stores.batches.list(1))[0]).toMatchObject({ completed: 1, failed: 0 });
  });

  it('ends a command that waits for stdin, and leaves nothing of it behind', async () => {
    const workshop = await openWorkshop();
    await workshop.configure('http://127.0.0.1:9/v1');
    const running = workshop.start(['batch', 'run', '-'], {
      input: { open: true },
      env: { TMPDIR: workshop.directory },
    });
    const copies = async (): Promise<string[]> =>
      (await readdir(workshop.directory)).filter((name) => name.startsWith('sluice-stdin-'));
    await until('stdin to be kept aside', async () => (await copies()).length > 0, 20_000);
    expect(await running.end('SIGINT')).toBe(130);
    expect(running.stderr).toBe('sluice: interrupted; nothing was enqueued\n');
    expect(await copies()).toEqual([]);
    await untilNothingRuns(workshop);
  });
});
