import { type Html, html } from '../html.ts';

/** How numbers and times are written on the status page. */

/** `12,345` */
export function count(value: number): string {
  return value.toLocaleString('en-US');
}

/** `1 job`, `2 jobs` */
export function plural(value: number, word: string): string {
  return `${count(value)} ${word}${value === 1 ? '' : 's'}`;
}

/** `840 ms`, `1.9 s`, `2 min` */
export function latency(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  return ms < 60_000 ? `${(ms / 1_000).toFixed(1)} s` : `${Math.round(ms / 60_000)} min`;
}

/** `42 s`, `12 min`, `3 h`, `5 d`: in the largest unit of which there is one, never 0. */
function span(ms: number): string {
  const seconds = Math.max(1, Math.round(ms / 1_000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3_600) return `${Math.round(seconds / 60)} min`;
  return seconds < 2 * 86_400 ? `${Math.round(seconds / 3_600)} h` : `${Math.round(seconds / 86_400)} d`;
}

/** `in 42 s`, `12 min ago`, with the time itself behind it. */
export function moment(epochMs: number, now: number): Html {
  const iso = new Date(epochMs).toISOString();
  const words = epochMs > now ? `in ${span(epochMs - now)}` : `${span(now - epochMs)} ago`;
  return html`<time datetime="${iso}" title="${iso.slice(0, 19).replace('T', ' ')} UTC">${words}</time>`;
}

/** `14:03:09` */
export function clock(epochMs: number): string {
  return new Date(epochMs).toISOString().slice(11, 19);
}

/** `4 %`, `0.3 %`: what is there is never 0. */
export function percent(part: number, whole: number): string {
  if (part === 0 || whole === 0) return '0 %';
  const share = (100 * part) / whole;
  return share < 1 ? `${Math.max(0.1, share).toFixed(1)} %` : `${Math.round(share)} %`;
}
