import { PassThrough } from 'node:stream';
import { expect, it } from 'vitest';
import { createProgressView } from '../../src/cli/progress.ts';
import { formatUsd } from '../../src/domain/money.ts';
import type { BatchStatus } from '../../src/store/batches.ts';

function statusOf(more: Partial<BatchStatus> = {}): BatchStatus {
  return {
    id: 'b',
    digest: 'd',
    total: 200,
    lane: 'batch',
    submittedAt: 0,
    state: 'running',
    enqueued: 200,
    completed: 0,
    failed: 0,
    cached: 0,
    retrying: 0,
    attempts: 0,
    fallbacks: 0,
    costNanos: 0,
    ...more,
  };
}

function screen(more: object = {}): { stream: NodeJS.WriteStream; shown: () => string } {
  const stream = new PassThrough();
  return { stream: Object.assign(stream, more) as never, shown: () => String(stream.read() ?? '') };
}

it('says what is done, what it cost and what is to come', () => {
  let now = 0;
  const { stream, shown } = screen({ isTTY: true, columns: 200 });
  const view = createProgressView({ stream, quiet: false, now: () => now });
  view.show(statusOf());
  expect(shown()).toBe(`\r\u001b[2K[>                   ] 0/200 done · ${formatUsd(0)} so far`);
  now = 10_000;
  view.show(statusOf({ completed: 98, failed: 2, retrying: 3, cached: 5, costNanos: 10_000_000 }));
  expect(shown()).toBe(
    `\r\u001b[2K[==========>         ] 100/200 done · 2 failed · 3 retrying · 5 cached · 10.0 rows/s · ${formatUsd(10_000_000)} so far · ~${formatUsd(20_000_000)} projected · ETA 10s`,
  );
  view.end(statusOf({ completed: 200 }));
  expect(shown()).toBe('\r\u001b[2K[====================] 200/200 done · $0.00 so far\n');
});

it('draws over its one line on a terminal, never wider than it', () => {
  const { stream, shown } = screen({ isTTY: true, columns: 40 });
  const view = createProgressView({ stream, quiet: false });
  view.show(statusOf({ completed: 5, costNanos: 5 }));
  view.show(statusOf({ completed: 6, costNanos: 6 }));
  const lines = shown().split('\r\u001b[2K').slice(1);
  expect(lines).toHaveLength(2);
  for (const line of lines) expect(line.length).toBeLessThan(40);
  view.end(statusOf({ completed: 200 }));
  expect(shown()).toMatch(/200\/200 done.*\n$/);
});

it('gives way to a line of its own, which a ^C does not stand in front of', () => {
  const { stream, shown } = screen({ isTTY: true, columns: 100 });
  const view = createProgressView({ stream, quiet: false });
  view.show(statusOf());
  shown();
  view.note('stopping');
  expect(shown()).toBe('\r\u001b[2Kstopping\n');
  const elsewhere = screen();
  createProgressView({ stream: elsewhere.stream, quiet: true }).note('stopping');
  expect(elsewhere.shown()).toBe('stopping\n');
});

it('off a terminal it is a plain line every five seconds and one in the end', () => {
  let now = 0;
  const { stream, shown } = screen();
  const view = createProgressView({ stream, quiet: false, now: () => now });
  for (now = 0; now <= 12_000; now += 500) view.show(statusOf({ completed: now / 100 }));
  view.end(statusOf({ completed: 200 }));
  const lines = shown().trimEnd().split('\n');
  expect(lines).toHaveLength(3);
  expect(lines[0]).toContain('50/200 done · 10.0 rows/s');
  expect(lines.join('')).not.toContain('\u001b');
});

it('is silent when it is told to be', () => {
  const { stream, shown } = screen({ isTTY: true });
  const view = createProgressView({ stream, quiet: true });
  view.show(statusOf());
  view.end(statusOf());
  expect(shown()).toBe('');
});
