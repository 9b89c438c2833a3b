import { InputError } from '../../domain/errors.ts';
import { formatPath, type Problem } from '../../domain/issues.ts';
import { parseYaml, type YamlText } from '../yaml-text.ts';

export type Path = Problem['path'];

/** What became of a part of a foreign configuration. */
type Note = { line: number; text: string };

/**
 * A foreign configuration that is read field by field. It remembers what was taken: what nobody asked for is told at the
 * end, so that nothing is lost without a word. Values are never shown, since there may be keys among them.
 */
export type Source = {
  /** What stands there; it counts as taken. */
  take: (path: Path) => unknown;
  text: (path: Path) => string | undefined;
  number: (path: Path) => number | undefined;
  flag: (path: Path) => boolean | undefined;
  /** A look that takes nothing. */
  has: (path: Path) => boolean;
  /** The names of a map's fields, or the indexes of a list's entries. */
  keys: (path: Path) => (string | number)[];
  took: (path: Path, into: string) => void;
  ignored: (path: Path, reason: string) => undefined;
  report: () => ImportReport;
};

/** Lines for a person: where it stands, what it is, and what became of it. */
export type ImportReport = { taken: string[]; ignored: string[] };

const NO_COUNTERPART = 'has no counterpart in Sluice';

export function openSource(text: string, name: string): Source {
  const yaml = parseFirst(text, name);
  const taken = new Set<string>();
  const [notesOfTaken, notesOfIgnored]: [Note[], Note[]] = [[], []];

  function take(path: Path): unknown {
    taken.add(JSON.stringify(path));
    return valueAt(yaml.value, path) ?? undefined;
  }

  function typed<Value>(path: Path, expected: string, is: (value: unknown) => value is Value): Value | undefined {
    const value = take(path);
    if (value === undefined || is(value)) return value;
    ignored(path, `expected ${expected}`);
    return undefined;
  }

  function note(notes: Note[], path: Path, said: string): void {
    const line = yaml.lineOf(path);
    const where = [line > 0 ? `${name}:${line}` : name, ...(path.length > 0 ? [formatPath(path)] : [])];
    notes.push({ line, text: [...where, said].join(': ') });
  }

  function ignored(path: Path, reason: string): undefined {
    take(path);
    note(notesOfIgnored, path, reason);
  }

  /** The largest parts of which nothing was taken. */
  function untaken(path: Path): Path[] {
    if (taken.has(JSON.stringify(path))) return [];
    const inner = keysOf(valueAt(yaml.value, path)).flatMap((key) => untaken([...path, key]));
    const begin = JSON.stringify(path).slice(0, -1);
    const isPartlyTaken = path.length === 0 || [...taken].some((each) => each.startsWith(`${begin},`));
    return isPartlyTaken ? inner : [path];
  }

  return {
    take,
    text: (path) => typed(path, 'a text', (value) => typeof value === 'string'),
    number: (path) => typed(path, 'a number', (value) => typeof value === 'number'),
    flag: (path) => typed(path, 'true or false', (value) => typeof value === 'boolean'),
    has: (path) => (valueAt(yaml.value, path) ?? null) !== null,
    keys: (path) => keysOf(valueAt(yaml.value, path)),
    took: (path, into) => note(notesOfTaken, path, into),
    ignored,
    report: () => {
      for (const path of untaken([])) note(notesOfIgnored, path, NO_COUNTERPART);
      return { taken: sorted(notesOfTaken), ignored: sorted(notesOfIgnored) };
    },
  };
}

/** After one mistake in the syntax the others are mostly its echo. */
function parseFirst(text: string, name: string): YamlText {
  try {
    return parseYaml(text, name);
  } catch (error) {
    throw error instanceof InputError ? new InputError(error.problems.slice(0, 1)) : error;
  }
}

function sorted(notes: readonly Note[]): string[] {
  return [...new Set(notes.toSorted((left, right) => left.line - right.line).map(({ text }) => text))];
}

function valueAt(value: YamlText['value'], path: Path): unknown {
  let found = value;
  for (const step of path) {
    if (typeof found !== 'object' || found === null || !Object.hasOwn(found, step)) return undefined;
    found = (found as Record<string | number, unknown>)[step];
  }
  return found;
}

function keysOf(value: unknown): (string | number)[] {
  if (Array.isArray(value)) return [...value.keys()];
  return typeof value === 'object' && value !== null ? Object.keys(value) : [];
}
