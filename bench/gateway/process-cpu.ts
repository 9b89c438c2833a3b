import { readdir, readFile } from 'node:fs/promises';

/** A process whose CPU time is counted, with all its descendants; these are counted as `<name> workers`. */
export type Root = { name: string; pid: number };

/** CPU seconds by name. Undefined where there is no /proc. */
export type CpuSeconds = Record<string, number> | undefined;

/** By process, what each has used since it began. */
export type CpuReading = ReadonlyMap<number, { name: string; cpuSeconds: number }> | undefined;

/** Linux tells CPU time to programs in hundredths of a second, whatever the kernel's own clock is. */
const TICKS_PER_SECOND = 100;

type Stat = { parent: number; cpuSeconds: number };

export async function readCpu(roots: readonly Root[]): Promise<CpuReading> {
  const stats = await readStats();
  if (stats === undefined) return undefined;
  const named = [...stats].flatMap(([pid, { cpuSeconds }]) => {
    const name = nameOf(pid, stats, roots);
    return name === undefined ? [] : [[pid, { name, cpuSeconds }] as const];
  });
  return new Map(named);
}

/** What was used between two readings; what ended in between is left out. */
export function cpuBetween(before: CpuReading, after: CpuReading): CpuSeconds {
  if (before === undefined || after === undefined) return undefined;
  const used: Record<string, number> = {};
  for (const [pid, { name, cpuSeconds }] of after) {
    used[name] = (used[name] ?? 0) + cpuSeconds - (before.get(pid)?.cpuSeconds ?? 0);
  }
  return used;
}

function nameOf(pid: number, stats: ReadonlyMap<number, Stat>, roots: readonly Root[]): string | undefined {
  for (let at = pid; at > 1; at = stats.get(at)?.parent ?? 0) {
    const root = roots.find((candidate) => candidate.pid === at);
    if (root !== undefined) return at === pid ? root.name : `${root.name} workers`;
  }
  return undefined;
}

async function readStats(): Promise<Map<number, Stat> | undefined> {
  const entries = await readdir('/proc').catch(() => undefined);
  if (entries === undefined) return undefined;
  const stats = new Map<number, Stat>();
  for (const pid of entries.filter((entry) => /^\d+$/.test(entry))) {
    const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
    // The second field is the program's name in parentheses, which may hold anything; the third follows the last one.
    const fields = text?.slice(text.lastIndexOf(')') + 2).split(' ');
    if (fields === undefined) continue;
    const [parent, user, system] = [fields[1], fields[11], fields[12]].map(Number);
    stats.set(Number(pid), { parent: parent ?? 0, cpuSeconds: ((user ?? 0) + (system ?? 0)) / TICKS_PER_SECOND });
  }
  return stats;
}
