export type Column = { title: string; align?: 'left' | 'right' };

const GAP = '  ';

/** Aligned columns, a line a row, under a line of titles. `style` is put around the titles once the widths are known. */
export function renderTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  style: (titles: string) => string = (titles) => titles,
): string[] {
  const titles = columns.map((column) => column.title);
  const cells = rows.map((row) => columns.map((_, index) => printable(row[index] ?? '')));
  const widths = columns.map((_, index) => Math.max(...[titles, ...cells].map((row) => (row[index] ?? '').length)));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, index) => pad(cell, widths[index] ?? 0, columns[index]?.align))
      .join(GAP)
      .trimEnd();
  return [style(line(titles)), ...cells.map(line)];
}

/** Names come from callers: what would move the cursor or ring the bell is shown as `?`. */
export function printable(text: string): string {
  // oxlint-disable-next-line no-control-regex -- they are what is looked for
  return text.replaceAll(/[\u0000-\u001F\u007F-\u009F\u2028\u2029\u202A-\u202E]/g, '?');
}

function pad(cell: string, width: number, align: Column['align']): string {
  return align === 'right' ? cell.padStart(width) : cell.padEnd(width);
}
