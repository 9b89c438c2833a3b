/** Tables for a terminal and for a Markdown page. */

export type Table = { title: string; columns: readonly string[]; rows: readonly (readonly string[])[]; note?: string };

const WIDTH = 120;

/** At most 120 columns wide where the cells are as short as those of this benchmark. */
export function toText({ title, columns, rows, note }: Table): string {
  const widths = columns.map((column, index) => Math.max(column.length, ...rows.map((row) => row[index]?.length ?? 0)));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, index) => (index === 0 ? cell.padEnd(widths[index] ?? 0) : cell.padStart(widths[index] ?? 0)))
      .join('  ')
      .trimEnd();
  const ruler = widths.map((width) => '-'.repeat(width)).join('  ');
  return [title, line(columns), ruler, ...rows.map(line), ...(note === undefined ? [] : [wrapped(note)])].join('\n');
}

/** Between words. */
export function wrapped(text: string): string {
  return text.replaceAll(new RegExp(String.raw`(.{1,${WIDTH}})(?:\s+|$)`, 'g'), '$1\n').trimEnd();
}

export function toMarkdown({ title, columns, rows, note }: Table): string {
  const lines = [columns, ...rows].map((cells) => `| ${cells.join(' | ')} |`);
  const table = lines.toSpliced(1, 0, `|---|${'---:|'.repeat(columns.length - 1)}`).join('\n');
  return [`### ${title}`, table, ...(note === undefined ? [] : [note])].join('\n\n');
}

export const NOTHING = '-';

/** `.662`, `-.014`: shares without the nought. */
export function share(value: number | null | undefined, digits = 3): string {
  if (value === null || value === undefined || Number.isNaN(value)) return NOTHING;
  return value.toFixed(digits).replace(/^(-?)0\./, '$1.');
}

export function signed(value: number | null | undefined, digits = 3): string {
  const text = share(value, digits);
  return value !== null && value !== undefined && value >= 0 && text !== NOTHING ? `+${text}` : text;
}

export function percent(value: number | null | undefined, digits = 0): string {
  return value === null || value === undefined || Number.isNaN(value) ? NOTHING : `${(value * 100).toFixed(digits)} %`;
}

export function plain(value: number | null | undefined, digits: number): string {
  return value === null || value === undefined || Number.isNaN(value) ? NOTHING : value.toFixed(digits);
}
