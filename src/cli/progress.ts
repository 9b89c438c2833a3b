import { formatUsd } from '../domain/money.ts';
import type { BatchStatus } from '../store/batches.ts';

const WINDOW_MS = 10_000;
const PLAIN_EVERY_MS = 5_000;
const CLEARED_LINE = '\r\u001b[2K';

export type ProgressView = {
  show(status: BatchStatus): void;
  /** Something else to say, on a line of its own; also when `quiet`. */
  note(line: string): void;
  /** Leaves the last state standing. */
  end(status: BatchStatus): void;
};

/** One line that is drawn over on a terminal, a plain line now and then elsewhere, nothing when `quiet`. */
export function createProgressView(options: {
  stream: NodeJS.WriteStream;
  quiet: boolean;
  now?: () => number;
}): ProgressView {
  const { stream, quiet, now = Date.now } = options;
  const rate = createRate(now);
  let lastPlainAt = now();

  const draw = (status: BatchStatus): void => {
    stream.write(
      `${CLEARED_LINE}${fit(progressLine(status, rate.of(status.completed + status.failed)), stream.columns || 100)}`,
    );
  };
  return {
    show(status) {
      if (quiet) return;
      rate.note(status.completed + status.failed);
      if (stream.isTTY) draw(status);
      else if (now() - lastPlainAt >= PLAIN_EVERY_MS) {
        lastPlainAt = now();
        stream.write(`${progressLine(status, rate.of(status.completed + status.failed))}\n`);
      }
    },
    note(line) {
      // What stands there is drawn again below it; a Ctrl-C leaves a `^C` behind.
      stream.write(`${stream.isTTY ? CLEARED_LINE : ''}${line}\n`);
    },
    end(status) {
      if (quiet) return;
      if (stream.isTTY) draw(status);
      stream.write(stream.isTTY ? '\n' : `${progressLine(status, undefined)}\n`);
    },
  };
}

/** `[=====>    ] 120/176 done · 2 failed · 3 retrying · 14.2 rows/s · $0.0123 so far · ~$0.0180 · ETA 4s` */
function progressLine(status: BatchStatus, rowsPerSecond: number | undefined): string {
  const { total, completed, failed, retrying, cached, costNanos } = status;
  const ended = completed + failed;
  const parts = [`${bar(ended, total)} ${ended}/${total} done`];
  if (failed > 0) parts.push(`${failed} failed`);
  if (retrying > 0) parts.push(`${retrying} retrying`);
  if (cached > 0) parts.push(`${cached} cached`);
  if (rowsPerSecond !== undefined && ended < total) parts.push(`${rowsPerSecond.toFixed(1)} rows/s`);
  parts.push(`${formatUsd(costNanos)} so far`);
  if (ended > 0 && ended < total) parts.push(`~${formatUsd(Math.round((costNanos / ended) * total))} projected`);
  if (rowsPerSecond !== undefined && rowsPerSecond > 0 && ended < total)
    parts.push(`ETA ${duration((total - ended) / rowsPerSecond)}`);
  return parts.join(' · ');
}

/** By the wall clock over the last seconds: the sum of request times says nothing when they run side by side. */
function createRate(now: () => number): { note(ended: number): void; of(ended: number): number | undefined } {
  const samples: { at: number; ended: number }[] = [];
  return {
    note(ended) {
      samples.push({ at: now(), ended });
      while (samples.length > 2 && now() - (samples[0]?.at ?? 0) > WINDOW_MS) samples.shift();
    },
    of(ended) {
      const first = samples[0];
      const elapsedMs = first ? now() - first.at : 0;
      return first && elapsedMs >= 500 ? ((ended - first.ended) * 1_000) / elapsedMs : undefined;
    },
  };
}

function bar(done: number, total: number): string {
  const width = 20;
  const filled = total === 0 ? width : Math.floor((done / total) * width);
  const head = filled < width ? '>' : '';
  return `[${'='.repeat(filled)}${head}${' '.repeat(width - filled - head.length)}]`;
}

function duration(seconds: number): string {
  if (seconds < 60) return `${Math.ceil(seconds)}s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)}m${Math.round(seconds % 60)}s`;
  return `${Math.floor(seconds / 3_600)}h${Math.round((seconds % 3_600) / 60)}m`;
}

function fit(text: string, columns: number): string {
  return text.length < columns ? text : `${text.slice(0, columns - 2)}…`;
}
