import { type Document, LineCounter, type ParsedNode, isMap, isScalar, isSeq, parseDocument } from 'yaml';
import type { z } from 'zod';
import { InputError } from '../domain/errors.ts';
import { type Problem, check, formatProblem } from '../domain/issues.ts';

const SYNTAX_ERRORS_TOLD = 20;

type Path = Problem['path'];

/** A YAML text that could be read. */
export type YamlText = {
  /** What it is called in front of each problem. */
  name: string;
  document: Document.Parsed;
  value: unknown;
  /** The line of the nearest part of the path that is in the text; 0 when none is. */
  lineOf: (path: Path) => number;
};

/** Reads a YAML text (JSON is YAML); what is wrong with its syntax is one InputError with a line for each mistake. */
export function parseYaml(text: string, name: string): YamlText {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true, prettyErrors: false });
  if (document.errors.length > 0) {
    const told = document.errors.map((error) => {
      const { line, col } = lines.linePos(error.pos[0]);
      return `${name}:${line}:${col}: ${(error.message.split('\n')[0] ?? '').replace(/\.$/, '')}`;
    });
    // One mistake may be met again at every level above it.
    throw new InputError([...new Set(told)].slice(0, SYNTAX_ERRORS_TOLD));
  }
  const value = orInputError(name, () => document.toJS() as unknown);
  return { name, document, value, lineOf };

  function lineOf(path: Path): number {
    for (let length = path.length; length > 0; length -= 1) {
      const offset = offsetOf(document.getIn(path.slice(0, length - 1), true), path[length - 1]);
      if (offset !== undefined) return lines.linePos(offset).line;
    }
    return 0;
  }
}

/**
 * Holds data from the text (or made of it) against a schema. What is wrong, there and `before`, is one InputError with a
 * line for each problem, in the order of the text.
 */
export function checkYaml<Schema extends z.ZodType>(
  schema: Schema,
  data: unknown,
  { name, lineOf }: YamlText,
  before: readonly Problem[] = [],
): z.output<Schema> {
  const checked = check(schema, data ?? {});
  const problems = [...before, ...(checked.ok ? [] : checked.problems)];
  if (checked.ok && problems.length === 0) return checked.value;
  const told = problems.map((problem) => ({ line: lineOf(placeOf(problem)), text: formatProblem(problem) }));
  throw new InputError(
    told.toSorted((a, b) => a.line - b.line).map(({ line, text }) => `${name}${line > 0 ? `:${line}` : ''}: ${text}`),
  );
}

/** Aliases without an anchor, or of so many levels that they fill the memory, are found only when they are followed. */
export function orInputError<Value>(name: string, read: () => Value): Value {
  try {
    return read();
  } catch (error) {
    const reason = error instanceof Error ? error.message.split('\n')[0] : 'it cannot be read';
    const text = error instanceof RangeError ? 'it is nested too deeply, or an anchor holds itself' : reason;
    throw new InputError(`${name}: ${text}`);
  }
}

/** The path of an unknown field ends above it. */
function placeOf({ path, message }: Problem): Path {
  const unknown = /^unknown field "([^"]+)"/.exec(message)?.[1];
  return unknown === undefined ? path : [...path, unknown];
}

/** Where a field or an entry begins: a field with its name, not with what stands below it. */
function offsetOf(parent: unknown, step: string | number | undefined): number | undefined {
  if (isSeq<ParsedNode>(parent) && typeof step === 'number') return parent.items[step]?.range?.[0];
  if (!isMap<ParsedNode>(parent)) return undefined;
  return parent.items.find(({ key }) => isScalar(key) && String(key.value) === String(step))?.key.range?.[0];
}
