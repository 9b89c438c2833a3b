import { isDeepStrictEqual } from 'node:util';
import { type Document, isMap, isScalar, parse, type ParsedNode, type YAMLMap } from 'yaml';
import { parseYaml } from './yaml-text.ts';

/** Entries of a section by their names, with the fields that they get. */
export type Entries = ReadonlyMap<string, Readonly<Record<string, unknown>>>;

/**
 * Changes a section of a YAML text as a person would: what is not changed stays as it is, to the space. `added` come behind
 * the entries that there are, and `updated` fields stand where they stood, else behind the others of their entry. Where a
 * text has so unusual a shape that this cannot be done it is written anew, with its comments.
 */
export function editYaml(
  text: string,
  section: string,
  { added, updated }: { added: Entries; updated: Entries },
): string {
  const { document } = parseYaml(text, 'the text');
  const edited = edit(text, document, section, { added, updated });
  if ((document.get(section) ?? null) === null) document.set(section, document.createNode({}));
  for (const [name, entry] of added) document.setIn([section, name], document.createNode(entry));
  for (const [name, fields] of updated) {
    for (const [field, value] of Object.entries(fields))
      document.setIn([section, name, field], document.createNode(value));
  }
  if (edited !== undefined && isDeepStrictEqual(parseIfGood(edited), document.toJS())) return edited;
  return document.toString({ lineWidth: 0 });
}

/** A piece of the text, and what is to stand there instead. */
type Splice = { from: number; to: number; by: string };

/** The changed text, or undefined where it has no place for a change that is easily found. */
function edit(
  text: string,
  document: Document.Parsed,
  section: string,
  { added, updated }: { added: Entries; updated: Entries },
): string | undefined {
  const map = document.get(section, true);
  if (map === undefined && updated.size === 0) {
    return spliced(text, [behindLine(text, text.length, yamlOf(section, Object.fromEntries(added)))]);
  }
  if (!isMap<ParsedNode, ParsedNode | null>(map)) return undefined;
  const splices = [...updated].flatMap(([name, fields]) => {
    const entry = map.get(name, true);
    return Object.entries(fields).map(([field, value]) =>
      isMap<ParsedNode, ParsedNode | null>(entry) ? setField(text, entry, field, value) : undefined,
    );
  });
  for (const [name, entry] of added) splices.push(append(text, map, name, entry, entryOf));
  return spliced(text, splices);
}

function setField(text: string, map: TextMap, field: string, value: unknown): Splice | undefined {
  const place = map.items.find(({ key }) => isScalar(key) && String(key.value) === field);
  if (place === undefined) return append(text, map, field, value, fieldOf);
  const [from, to] = place.value?.range ?? [];
  return from === undefined || to === undefined ? undefined : { from, to, by: inline(value) };
}

type TextMap = YAMLMap<ParsedNode, ParsedNode | null>;

/** Behind the last field of a map: on the same line in `{ }`, else on lines of its own, indented like the others. */
function append(
  text: string,
  map: TextMap,
  key: string,
  value: unknown,
  write: (key: string, value: unknown, indent: number) => string,
): Splice | undefined {
  const last = map.items.at(-1);
  const end = last?.value?.range?.[1];
  if (last === undefined || end === undefined) return undefined;
  if (map.flow) return { from: end, to: end, by: `, ${inline(key)}: ${inline(value)}` };
  const [start] = last.key.range;
  return behindLine(text, end, write(key, value, start - (text.lastIndexOf('\n', start - 1) + 1)));
}

/** Whole lines behind the one in which a value ends, and behind the comment that may follow it there. */
function behindLine(text: string, end: number, lines: string): Splice {
  const lineEnd = text.indexOf('\n', Math.max(0, end - 1));
  if (lineEnd !== -1) return { from: lineEnd + 1, to: lineEnd + 1, by: lines };
  return { from: text.length, to: text.length, by: text === '' || text.endsWith('\n') ? lines : `\n${lines}` };
}

/** Undefined where one of them has no place, or two are in each other's way. */
function spliced(text: string, splices: readonly (Splice | undefined)[]): string | undefined {
  let result = '';
  let done = 0;
  for (const splice of splices.toSorted((left, right) => (left?.from ?? 0) - (right?.from ?? 0))) {
    if (splice === undefined || splice.from < done) return undefined;
    result += text.slice(done, splice.from) + splice.by;
    done = splice.to;
  }
  return result + text.slice(done);
}

function parseIfGood(text: string): unknown {
  try {
    return parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** A section of a configuration: its entries on lines of their own, each with a line for each of its fields. */
export function yamlOf(section: string, entries: object): string {
  return `${section}:\n${Object.entries(entries)
    .map(([name, entry]) => entryOf(name, entry, 2))
    .join('')}`;
}

function entryOf(name: string, entry: unknown, indent: number): string {
  if (!isRecord(entry) || Object.keys(entry).length === 0) return fieldOf(name, entry, indent);
  const fields = Object.entries(entry).filter(([, value]) => value !== undefined);
  return `${' '.repeat(indent)}${inline(name)}:\n${fields.map(([key, value]) => fieldOf(key, value, indent + 2)).join('')}`;
}

function fieldOf(key: string, value: unknown, indent: number): string {
  return `${' '.repeat(indent)}${inline(key)}: ${inline(value)}\n`;
}

/** `{ input: 1, output: [a, "b c"] }` */
function inline(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(inline).join(', ')}]`;
  if (isRecord(value)) {
    const fields = Object.entries(value).filter(([, inner]) => inner !== undefined);
    return fields.length === 0
      ? '{}'
      : `{ ${fields.map(([key, inner]) => `${inline(key)}: ${inline(inner)}`).join(', ')} }`;
  }
  // What a reader could take for anything but a text is quoted; a JSON text is a YAML text.
  const isPlain =
    typeof value === 'string' &&
    /^[A-Za-z][\w./@-]*$/.test(value) &&
    !/^(true|false|null|y|n|yes|no|on|off)$/i.test(value);
  return isPlain ? value : JSON.stringify(value);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
