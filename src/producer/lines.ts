import { MOST_ROW_BYTES } from './queues.ts';

export type Line = { number: number; text: string } | { number: number; problem: string };

const NEWLINE = 10;

/**
 * Splits bytes into lines: a byte order mark and CRLF are fine, blank lines are left out but counted. A line is cut
 * off as soon as it is too long, so that a file without line breaks cannot fill the memory.
 */
export async function* readLines(chunks: AsyncIterable<Buffer>, mostBytes = MOST_ROW_BYTES): AsyncGenerator<Line> {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false });
  let number = 0;
  let pending: Buffer[] = [];
  let pendingBytes = 0;

  const take = (last: Buffer): Line | undefined => {
    number += 1;
    const bytes = pendingBytes + last.length;
    const line = pending.length === 0 ? last : Buffer.concat([...pending, last]);
    pending = [];
    pendingBytes = 0;
    if (bytes > mostBytes) return { number, problem: `the line is longer than the limit of ${mostBytes} bytes` };
    try {
      const text = decoder.decode(line).trimEnd();
      if (text.includes('\0')) return { number, problem: 'the line has a NUL byte' };
      return text === '' ? undefined : { number, text };
    } catch {
      return { number, problem: 'the line is not valid UTF-8' };
    }
  };

  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      const line = take(chunk.subarray(start, end));
      if (line) yield line;
      start = end + 1;
    }
    const rest = chunk.subarray(start);
    // Past the limit only the length is of interest.
    if (pendingBytes <= mostBytes) pending.push(rest);
    pendingBytes += rest.length;
  }
  if (pendingBytes > 0) {
    const line = take(Buffer.alloc(0));
    if (line) yield line;
  }
}
