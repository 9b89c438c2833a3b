import { z } from 'zod';

/** One thing that is wrong with a piece of input: where, as keys and indexes from the top, and what, for a person. */
export type Problem = { path: readonly (string | number)[]; message: string };

/**
 * Checks `input` and says what is wrong with it in one short sentence a problem: the value that was given, what is
 * allowed, and for an unknown field the nearest known one. Texts of more than 40 characters are not echoed: they may
 * be prompts.
 */
export function check<Schema extends z.ZodType>(
  schema: Schema,
  input: unknown,
): { ok: true; value: z.output<Schema> } | { ok: false; problems: Problem[] } {
  const parsed = schema.safeParse(input);
  if (parsed.success) return { ok: true, value: parsed.data };
  const known = knownFields(schema);
  const problems = parsed.error.issues.flatMap((issue) => explain(issue, input, known));
  const suggested = new Set(problems.flatMap((problem) => problem.suggests ?? []));
  return {
    ok: false,
    problems: problems
      .filter((problem) => problem.suggests !== undefined || !suggested.has(formatPath(problem.path)))
      .map(({ path, message }) => ({ path, message })),
  };
}

/** `messages[0].role: expected ...`, or the bare message for a problem of the whole. */
export function formatProblem(problem: Problem): string {
  const path = formatPath(problem.path);
  return path === '' ? problem.message : `${path}: ${problem.message}`;
}

export function formatPath(path: readonly (string | number)[]): string {
  let text = '';
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`;
    else text += text === '' ? step : `.${step}`;
  }
  return text;
}

/** `(did you mean "prompt"?)` for the nearest of the known words, or nothing when none is near. */
export function suggestion(word: string, known: Iterable<string>): string {
  const nearest = nearestWord(word, known);
  return nearest === undefined ? '' : ` (did you mean "${nearest}"?)`;
}

type Explained = Problem & { suggests?: string };

function explain(issue: z.core.$ZodIssue, input: unknown, known: ReadonlySet<string>): Explained[] {
  const path = issue.path.map((step) => (typeof step === 'symbol' ? String(step) : step));
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => {
      const nearest = nearestWord(key, known);
      const hint = nearest === undefined ? '' : ` (did you mean "${nearest}"?)`;
      const explained: Explained = { path, message: `unknown field "${key}"${hint}` };
      return nearest === undefined ? explained : { ...explained, suggests: formatPath([...path, nearest]) };
    });
  }
  if (issue.code === 'invalid_union' && issue.errors.length > 0) {
    // The branch that got furthest is the one that was meant.
    const branch = issue.errors.reduce((best, next) => (depth(next) > depth(best) ? next : best));
    if (depth(branch) > 0) {
      return branch.flatMap((inner) => explain({ ...inner, path: [...issue.path, ...inner.path] }, input, known));
    }
  }
  return [{ path, message: sentence(issue, valueAt(input, path)) }];
}

function depth(issues: readonly z.core.$ZodIssue[]): number {
  return Math.max(0, ...issues.map((issue) => issue.path.length));
}

function sentence(issue: z.core.$ZodIssue, value: unknown): string {
  if (value === undefined && issue.code !== 'custom') return 'missing';
  const got = `, got ${show(value)}`;
  switch (issue.code) {
    case 'invalid_type':
      return `expected ${article(issue.expected)}${got}`;
    case 'invalid_value':
      return `expected ${issue.values.map(String).join(' | ')}${got}`;
    case 'too_small':
      return `${lower(issue, issue.minimum, issue.inclusive ?? true)}${got}`;
    case 'too_big':
      return `${upper(issue, issue.maximum, issue.inclusive ?? true)}${got}`;
    case 'invalid_union': {
      const options = 'options' in issue && Array.isArray(issue.options) ? issue.options.map(String) : undefined;
      if (options) return `expected ${options.join(' | ')}${got}`;
      const expected = issue.errors.flat().flatMap((inner) => (inner.code === 'invalid_type' ? [inner.expected] : []));
      return expected.length > 0 ? `expected ${expected.map(article).join(' or ')}${got}` : `not allowed${got}`;
    }
    case 'invalid_format':
      return issue.message.startsWith('Invalid')
        ? `must match ${issue.pattern ?? issue.format}${got}`
        : issue.message + got;
    default:
      return issue.message;
  }
}

const UNITS: Record<string, string> = { string: ' characters', array: ' entries', object: ' entries' };

function lower(issue: { origin: string }, minimum: unknown, inclusive: boolean): string {
  if (minimum === 1 && issue.origin in UNITS) return 'must not be empty';
  return `must be ${inclusive ? 'at least' : 'above'} ${String(minimum)}${UNITS[issue.origin] ?? ''}`;
}

function upper(issue: { origin: string }, maximum: unknown, inclusive: boolean): string {
  return `must be ${inclusive ? 'at most' : 'below'} ${String(maximum)}${UNITS[issue.origin] ?? ''}`;
}

const ARTICLES: Record<string, string> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
  record: 'a map of names to values',
};

function article(expected: string): string {
  return ARTICLES[expected] ?? expected;
}

function show(value: unknown): string {
  if (typeof value === 'string')
    return value.length <= 40 ? JSON.stringify(value) : `a text of ${value.length} characters`;
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (value !== null && typeof value === 'object') return 'an object';
  return String(value);
}

function valueAt(input: unknown, path: readonly (string | number)[]): unknown {
  let value = input;
  for (const step of path) {
    if (value === null || typeof value !== 'object' || !Object.hasOwn(value, step)) return undefined;
    value = (value as Record<string | number, unknown>)[step];
  }
  return value;
}

const fieldsOfSchema = new WeakMap<z.ZodType, ReadonlySet<string>>();

/** Every field name in the schema, at any depth: what a typing mistake is compared with. */
function knownFields(schema: z.ZodType): ReadonlySet<string> {
  const known = fieldsOfSchema.get(schema);
  if (known) return known;
  const names = new Set<string>();
  collectFields(z.toJSONSchema(schema, { unrepresentable: 'any', io: 'input' }), names);
  fieldsOfSchema.set(schema, names);
  return names;
}

function collectFields(node: unknown, names: Set<string>): void {
  if (node === null || typeof node !== 'object') return;
  for (const [key, child] of Object.entries(node)) {
    if (key === 'properties' && child !== null && typeof child === 'object') {
      for (const name of Object.keys(child)) names.add(name);
    }
    collectFields(child, names);
  }
}

function nearestWord(word: string, known: Iterable<string>): string | undefined {
  let nearest: string | undefined;
  let best = Math.max(1, Math.floor(word.length / 3)) + 1;
  for (const candidate of known) {
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase());
    if (distance < best) [nearest, best] = [candidate, distance];
  }
  return nearest;
}

/** Levenshtein distance, on one row. */
function editDistance(left: string, right: string): number {
  const row = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let i = 1; i <= left.length; i += 1) {
    let diagonal = row[0] ?? 0;
    row[0] = i;
    for (let j = 1; j <= right.length; j += 1) {
      const above = row[j] ?? 0;
      const substitution = diagonal + (left[i - 1] === right[j - 1] ? 0 : 1);
      row[j] = Math.min(above + 1, (row[j - 1] ?? 0) + 1, substitution);
      diagonal = above;
    }
  }
  return row[right.length] ?? 0;
}
