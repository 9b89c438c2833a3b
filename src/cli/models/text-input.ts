import { text } from 'node:stream/consumers';
import { readText } from '../../config/config-file.ts';
import { InputError } from '../../domain/errors.ts';

/** A whole file, or for `-` all of stdin; `name` stands in front of problems. */
export async function readInput(file: string): Promise<{ name: string; text: string }> {
  if (file !== '-') return { name: file, text: readText(file) };
  if (process.stdin.isTTY) throw new InputError('nothing on stdin: pipe a file in, or name one');
  return { name: 'stdin', text: await text(process.stdin) };
}
