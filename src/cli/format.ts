import { styleText } from 'node:util';

/** `12,345` */
export function formatCount(count: number): string {
  return count.toLocaleString('en-US');
}

/** `840 ms`, `1.9 s`, `2 min 5 s` */
export function formatLatency(latencyMs: number): string {
  if (latencyMs < 1_000) return `${Math.round(latencyMs)} ms`;
  const seconds = latencyMs / 1_000;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)} min ${whole % 60} s`;
}

/** `2026-11-22 14:03:09`, in UTC. */
export function formatTime(epochMs: number): string {
  return new Date(epochMs).toISOString().slice(0, 19).replace('T', ' ');
}

/** `86 %`, for a share from 0 to 1. */
export function formatPercent(share: number): string {
  return `${Math.round(100 * share)} %`;
}

/** `1 worker`, `2 workers` */
export function plural(count: number, word: string): string {
  return `${formatCount(count)} ${word}${count === 1 ? '' : 's'}`;
}

type Style = Parameters<typeof styleText>[0];

/** For data on stdout: styled on a terminal, plain elsewhere and under NO_COLOR. */
export function styled(style: Style, text: string): string {
  return styleText(style, text, { stream: process.stdout });
}
