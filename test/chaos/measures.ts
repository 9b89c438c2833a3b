import { readFile } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import type { Stage } from './stage.ts';
import type { WorkerProcess } from './worker-process.ts';

const LOOK_EVERY_MS = 10;
const WAIT_WITHIN_MS = 20_000;
/** Of Linux, on every machine that Node runs on. */
const CLOCK_TICK_MS = 10;
const SPINNING_SHARE = 0.5;

/** Waits, looking often, until `look` says so; throws with `what` when that takes too long. */
export async function until(
  what: string,
  look: () => boolean | Promise<boolean>,
  withinMs = WAIT_WITHIN_MS,
): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (!(await look())) {
    if (performance.now() > deadline) throw new Error(`waited ${withinMs} ms for ${what}`);
    await pause(LOOK_EVERY_MS);
  }
}

/** Puts rules as `--fail` takes them in place of those before; none makes the provider well again. */
export async function setProviderFaults({ sim }: Stage, rules: readonly string[]): Promise<void> {
  const response = await fetch(new URL('/faults', sim.url), { method: 'PUT', body: JSON.stringify(rules) });
  if (!response.ok) throw new Error(`the provider refuses its faults: ${await response.text()}`);
}

/**
 * For so long nothing can be written down: a call that goes out could not be settled, and a worker that asks Redis over
 * and over is of no use to anybody. What of it happened is told as violations.
 */
export async function watchWhileNothingCanBeWritten(
  { sim }: Stage,
  workers: readonly WorkerProcess[],
  watchMs: number,
): Promise<string[]> {
  const callsBefore = sim.ledger.totals().calls;
  const before = await Promise.all(workers.map(({ pid }) => cpuMsOf(pid)));
  await pause(watchMs);
  const calls = sim.ledger.totals().calls - callsBefore;
  const after = await Promise.all(workers.map(({ pid }) => cpuMsOf(pid)));
  const shares = after.map((cpuMs, index) => (cpuMs - (before[index] ?? 0)) / watchMs);
  return [
    ...(calls > 0 ? [`${calls} calls went out while Redis took no writes`] : []),
    ...shares
      .filter((share) => share > SPINNING_SHARE)
      .map((share) => `a worker used ${Math.round(100 * share)} % of a core while Redis took no writes`),
  ];
}

/** What a process has computed so far; 0 where the system does not tell. */
async function cpuMsOf(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  // The name of the program, which may hold blanks, ends with the last parenthesis.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) * CLOCK_TICK_MS;
}
