import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { LineCounter, type ParsedNode, isMap, isScalar, isSeq, parseDocument } from 'yaml';
import { Config } from '../domain/config.ts';
import { InputError } from '../domain/errors.ts';
import { type Problem, check, formatProblem } from '../domain/issues.ts';

const SYNTAX_ERRORS_TOLD = 20;

export const CONFIG_NAME = 'sluice.yaml';

/** The configuration file to use: the one named, else `sluice.yaml` in the folder; undefined when there is none. */
export function findConfigFile(directory: string, named: string | undefined): string | undefined {
  if (named !== undefined) return resolve(directory, named);
  const usual = resolve(directory, CONFIG_NAME);
  return existsSync(usual) ? usual : undefined;
}

/** Reads a configuration file; what is wrong with it is one InputError with a line for each problem. */
export function loadConfig(path: string, env: NodeJS.ProcessEnv = process.env): Config {
  return parseConfig(readText(path), path, env);
}

/** As `loadConfig`, for text that is in hand; `name` stands in front of each problem. */
export function parseConfig(text: string, name: string, env: NodeJS.ProcessEnv): Config {
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
  const missing: Problem[] = [];
  const data = orInputError(name, () => withEnvironment(document.toJS() as unknown, env, [], missing));
  const checked = check(Config, data ?? {});
  const problems = [...missing, ...(checked.ok ? [] : checked.problems)];
  if (!checked.ok || problems.length > 0) {
    const told = problems.map((problem) => ({ line: lineOf(problem), text: formatProblem(problem) }));
    throw new InputError(
      told.toSorted((a, b) => a.line - b.line).map(({ line, text }) => `${name}${line > 0 ? `:${line}` : ''}: ${text}`),
    );
  }
  return checked.value;

  /** The line of the nearest part of the path that is in the file; 0 when none is. */
  function lineOf({ path, message }: Problem): number {
    // The path of an unknown field ends above it.
    const unknown = /^unknown field "([^"]+)"/.exec(message)?.[1];
    const steps = unknown === undefined ? path : [...path, unknown];
    for (let length = steps.length; length > 0; length -= 1) {
      const offset = offsetOf(document.getIn(steps.slice(0, length - 1), true), steps[length - 1]);
      if (offset !== undefined) return lines.linePos(offset).line;
    }
    return 0;
  }
}

/** Where a field or an entry begins: a field with its name, not with what stands below it. */
function offsetOf(parent: unknown, step: string | number | undefined): number | undefined {
  if (isSeq<ParsedNode>(parent) && typeof step === 'number') return parent.items[step]?.range?.[0];
  if (!isMap<ParsedNode>(parent)) return undefined;
  return parent.items.find(({ key }) => isScalar(key) && String(key.value) === String(step))?.key.range?.[0];
}

export function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new InputError(`cannot read ${path}: ${reasonOf(error)}`);
  }
}

/** `no such file`, `is a directory`, ... for a failed read or write. */
export function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : undefined;
  const reasons: Record<string, string> = {
    ENOENT: 'no such file or folder',
    EISDIR: 'it is a folder',
    EACCES: 'permission denied',
    ENOSPC: 'no space left on the device',
    ENOTDIR: 'a part of the path is no folder',
    EROFS: 'the file system is read-only',
  };
  return reasons[code ?? ''] ?? code ?? 'it failed';
}

/** Aliases without an anchor, or of so many levels that they fill the memory, are found only when they are followed. */
function orInputError<Value>(name: string, read: () => Value): Value {
  try {
    return read();
  } catch (error) {
    const reason = error instanceof Error ? error.message.split('\n')[0] : 'it cannot be read';
    const text = error instanceof RangeError ? 'it is nested too deeply, or an anchor holds itself' : reason;
    throw new InputError(`${name}: ${text}`);
  }
}

const REFERENCE = /\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}/g;

/** Replaces `${NAME}` and `${NAME:-default}` in every text. A name that is not set and has no default is a problem. */
function withEnvironment(
  value: unknown,
  env: NodeJS.ProcessEnv,
  path: (string | number)[],
  missing: Problem[],
): unknown {
  if (typeof value === 'string') {
    return value.replace(REFERENCE, (_match, name: string, fallback: string | undefined) => {
      const found = env[name] !== undefined && env[name] !== '' ? env[name] : fallback;
      if (found === undefined) missing.push({ path, message: `environment variable ${name} is not set` });
      return found ?? 'not-set';
    });
  }
  if (Array.isArray(value)) return value.map((entry, index) => withEnvironment(entry, env, [...path, index], missing));
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, entry]) => [key, withEnvironment(entry, env, [...path, key], missing)]),
  );
}
