import { readFile, writeFile } from 'node:fs/promises';

const PAGE = new URL('../../docs/guarantees.md', import.meta.url);
const [BEGIN, END] = ['<!-- chaos:begin -->', '<!-- chaos:end -->'];

/** Puts the figures of a run in place of those of the run before. */
export async function writePage(figures: string, how: string): Promise<void> {
  const page = await readFile(PAGE, 'utf8');
  const [before, rest] = page.split(BEGIN);
  const after = rest?.split(END)[1];
  if (before === undefined || after === undefined) throw new Error(`${PAGE.pathname} has no place for the figures`);
  const text = `\nThe last run, by \`${how}\`:\n\n\`\`\`text\n${figures}\n\`\`\`\n\n`;
  await writeFile(PAGE, `${before}${BEGIN}${text}${END}${after}`);
}
