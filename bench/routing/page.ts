import { readFile, writeFile } from 'node:fs/promises';
import { cpus, totalmem } from 'node:os';
import { type Report, tablesOf } from './report.ts';
import { toMarkdown } from './tables.ts';

/** `docs/benchmarks-routing.md`. */

const PAGE = new URL('../../docs/benchmarks-routing.md', import.meta.url);
const NOTES = new URL('notes.md', import.meta.url);

export async function writePage(report: Report, splits: number): Promise<void> {
  const [first] = cpus();
  const gibibytes = Math.round(totalmem() / 2 ** 30);
  const parts = [
    '# Benchmarks of routing',
    `Written by \`npm run bench:routing -- --data DIR --write\`, ${splits} splits. The data are not part of the repository.`,
    `Machine: ${cpus().length} x ${first?.model.trim() ?? 'unknown processor'}, ${gibibytes} GiB of memory; Node ${process.versions.node}.`,
    await readFile(NOTES, 'utf8'),
    '## Figures',
    ...tablesOf(report).map(toMarkdown),
  ];
  await writeFile(PAGE, `${parts.map((part) => part.trim()).join('\n\n')}\n`);
}
