import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { type Line, readLines } from '../../src/producer/lines.ts';

async function* inPieces(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let start = 0; start < bytes.length; start += size) yield bytes.subarray(start, start + size);
}

async function linesOf(content: string | Buffer, size = 7, mostBytes = 100): Promise<Line[]> {
  const lines: Line[] = [];
  for await (const line of readLines(inPieces(Buffer.from(content), size), mostBytes)) lines.push(line);
  return lines;
}

it('a byte order mark, CRLF and a last line without its end are fine; blank lines are counted and left out', async () => {
  expect(await linesOf('\uFEFFone\r\n\n \t\r\n two \nthree')).toEqual([
    { number: 1, text: 'one' },
    { number: 4, text: ' two' },
    { number: 5, text: 'three' },
  ]);
});

it('no bytes and blank lines alone are no lines', async () => {
  expect(await linesOf('')).toEqual([]);
  expect(await linesOf('\n\r\n  ')).toEqual([]);
});

it('a line of the largest size passes, and one more byte does not', async () => {
  expect(await linesOf(`${'x'.repeat(100)}\n${'y'.repeat(101)}\nz`)).toEqual([
    { number: 1, text: 'x'.repeat(100) },
    { number: 2, problem: 'the line is longer than the limit of 100 bytes' },
    { number: 3, text: 'z' },
  ]);
});

it('what comes after a line that is too long, not UTF-8 or has a NUL byte is read as ever', async () => {
  const content = Buffer.concat([Buffer.from([0xc3, 10, 0, 10]), Buffer.from(`${'x'.repeat(500)}\nfine`)]);
  expect(await linesOf(content)).toEqual([
    { number: 1, problem: 'the line is not valid UTF-8' },
    { number: 2, problem: 'the line has a NUL byte' },
    { number: 3, problem: 'the line is longer than the limit of 100 bytes' },
    { number: 4, text: 'fine' },
  ]);
});

it('the lines are the same however the bytes come in', async () => {
  const content = fc.array(fc.constantFrom('a', 'é', '𝒳', '\n', '\r\n', ' ', '\uFEFF', '\0', 'x'.repeat(60)));
  await fc.assert(
    fc.asyncProperty(content, fc.integer({ min: 1, max: 64 }), async (pieces, size) => {
      const bytes = Buffer.from(pieces.join(''));
      expect(await linesOf(bytes, size)).toEqual(await linesOf(bytes, bytes.length + 1));
    }),
  );
});
