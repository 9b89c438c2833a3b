import { createReadStream } from 'node:fs';
import { type FileHandle, mkdir, open, readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { InputError } from '../../domain/errors.ts';
import { UsageRecord } from '../../domain/usage.ts';
import { FIRST_ID, compareIds, dayOfId, isStreamId } from '../stream-id.ts';
import { type StreamEntry, type UsageEntry, recordOf } from '../usage-stream.ts';

/**
 * The files of the archive: one a day (UTC, by Redis' clock), `usage-2026-11-22.jsonl`, a record a line with its stream
 * id, in the stream's order. Only the newest can end in the middle of a line, when its writer was killed there.
 */

const NEWLINE = 10;
const LINES_A_PAGE = 250;

function fileOf(directory: string, day: string): string {
  return join(directory, `usage-${day}.jsonl`);
}

/** The day files of a folder, oldest first; none when there is no such folder. */
export async function dayFiles(directory: string): Promise<string[]> {
  const names = await readdir(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  return names
    .filter((name) => /^usage-\d{4,6}-\d\d-\d\d\.jsonl$/.test(name))
    .toSorted()
    .map((name) => join(directory, name));
}

export type ArchiveWriter = {
  /** Adds entries, which follow what is there, and has them on the disk when it resolves. */
  append(entries: readonly StreamEntry[]): Promise<void>;
  close(): Promise<void>;
};

/** Where an archive ends: the last record in it (`0-0` for an empty one), and files with half a line behind their `end`. */
export type ArchiveEnd = { lastId: string; torn: { file: string; end: number }[] };

export async function findArchiveEnd(directory: string): Promise<ArchiveEnd> {
  const torn: ArchiveEnd['torn'] = [];
  for (const file of (await dayFiles(directory)).toReversed()) {
    const { line, end, size } = await findLastLine(file);
    if (end < size) torn.push({ file, end });
    if (line !== undefined) return { lastId: idOfLine(line, `the last line of ${file}`), torn };
  }
  return { lastId: FIRST_ID, torn };
}

/** Cuts off what is no whole line: its record is still in the stream. */
export async function mendArchive({ torn }: ArchiveEnd): Promise<void> {
  for (const { file, end } of torn) {
    const handle = await open(file, 'r+');
    try {
      await handle.truncate(end);
      await handle.sync();
    } finally {
      await handle.close();
    }
  }
}

export function openArchiveWriter(directory: string): ArchiveWriter {
  let day: string | undefined;
  let handle: FileHandle | undefined;

  async function turnTo(next: string): Promise<FileHandle> {
    if (handle && day === next) return handle;
    await handle?.close();
    handle = await open(fileOf(directory, next), 'a');
    day = next;
    await syncFolder(directory);
    return handle;
  }

  async function append(entries: readonly StreamEntry[]): Promise<void> {
    for (const [next, ofDay] of Map.groupBy(entries, ([id]) => dayOfId(id))) {
      const file = await turnTo(next);
      try {
        await file.appendFile(ofDay.map(toLine).join(''));
        // Before the next day's file is begun: so only the newest can be torn.
        await file.sync();
      } catch (error) {
        // What goes wrong with an open file, as on a full disk, does not say with which.
        throw error instanceof Error ? Object.assign(error, { path: fileOf(directory, next) }) : error;
      }
    }
  }

  return { append, close: async () => handle?.close() };
}

/** Makes sure that there is such a folder, and that it is still there after a power cut. */
export async function makeFolder(directory: string): Promise<void> {
  const made = await mkdir(directory, { recursive: true });
  if (made !== undefined) await syncFolder(join(made, '..'));
}

/** A new file in a folder is there for good once the folder itself is on the disk. */
export async function syncFolder(directory: string): Promise<void> {
  const folder = await open(directory, 'r');
  await folder.sync().finally(() => folder.close());
}

/** Some lines: the last id among them, how many they are, and those of them that are a usage record that we know. */
export type ArchivePage = { lastId: string; count: number; entries: UsageEntry[] };

/**
 * The archive in order, up to `untilId`. What comes twice, as after two writers at once, is given once; a torn last line is
 * left out.
 */
export async function* readArchive(directory: string, untilId: string): AsyncGenerator<ArchivePage> {
  let page: ArchivePage = { lastId: FIRST_ID, count: 0, entries: [] };
  const lastFile = fileOf(directory, dayOfId(untilId));
  for (const file of await dayFiles(directory)) {
    if (file > lastFile) break;
    let number = 0;
    for await (const line of wholeLines(file)) {
      number += 1;
      const entry = parseLine(line, `${basename(file)}:${number}`);
      if (compareIds(entry.id, page.lastId) <= 0 || compareIds(entry.id, untilId) > 0) continue;
      page.lastId = entry.id;
      page.count += 1;
      if (entry.record) page.entries.push({ id: entry.id, record: entry.record });
      if (page.count < LINES_A_PAGE) continue;
      yield page;
      page = { lastId: page.lastId, count: 0, entries: [] };
    }
  }
  if (page.count > 0) yield page;
}

/** An entry that holds no JSON object is kept as it is: nothing may be lost by being trimmed. */
function toLine([id, fields]: StreamEntry): string {
  const record = recordOf(fields);
  const content = typeof record === 'object' && record !== null && !Array.isArray(record) ? record : { fields };
  return `${JSON.stringify({ id, ...content })}\n`;
}

function parseLine(line: string, where: string): { id: string; record: UsageRecord | undefined } {
  const id = idOfLine(line, where);
  const parsed = UsageRecord.safeParse(JSON.parse(line));
  return { id, record: parsed.success ? parsed.data : undefined };
}

function idOfLine(line: string, where: string): string {
  try {
    const content: unknown = JSON.parse(line);
    if (typeof content === 'object' && content !== null && 'id' in content && isStreamId(content.id)) return content.id;
  } catch {
    // Said below, without the text of the line.
  }
  throw new InputError(`${where}: not a line of a usage archive; mend it or take it out`);
}

async function* wholeLines(file: string): AsyncGenerator<string> {
  let rest: Buffer[] = [];
  for await (const chunk of createReadStream(file) as AsyncIterable<Buffer>) {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      yield Buffer.concat([...rest, chunk.subarray(start, end)]).toString();
      rest = [];
      start = end + 1;
    }
    rest.push(chunk.subarray(start));
  }
}

/** The last line that ends in a line break, and where it ends. */
async function findLastLine(file: string): Promise<{ line: string | undefined; end: number; size: number }> {
  const handle = await open(file, 'r');
  try {
    const { size } = await handle.stat();
    for (let length = 65_536; ; length *= 2) {
      const start = Math.max(0, size - length);
      const tail = Buffer.alloc(size - start);
      await handle.read(tail, 0, tail.length, start);
      const end = tail.lastIndexOf(NEWLINE);
      // Counted from the end when it is negative.
      const before = end > 0 ? tail.lastIndexOf(NEWLINE, end - 1) : -1;
      if (before === -1 && start > 0) continue;
      if (end === -1) return { line: undefined, end: 0, size };
      return { line: tail.subarray(before + 1, end).toString(), end: start + end + 1, size };
    }
  } finally {
    await handle.close();
  }
}
