/** Deeper than any honest tool schema, and far from where the recursion of a schema check overflows the stack. */
const DEEPEST_LEVEL = 64;
/** As many tokens as OpenAI embeds at once. A check takes its time for each, in which nobody else has a turn. */
const MOST_VALUES = 300_000;
/** No honest object has so many; and each that a schema does not know is a problem of its own. */
const MOST_FIELDS = 10_000;

type Finding = { path: (string | number)[]; message: string };
type Visit = { value: object; path: (string | number)[] };

/**
 * The first thing in `input` that nothing may hold, whatever its schema says: nesting without end, half of a
 * surrogate pair (it cannot be written as UTF-8), or a name that means an object's prototype. Works through a list of
 * its own instead of calling itself, so that no input can overflow the stack.
 */
export function findMalformed(input: unknown): Finding | undefined {
  if (typeof input === 'string' && !input.isWellFormed()) return { path: [], message: BROKEN_TEXT };
  const visits: Visit[] = isContainer(input) ? [{ value: input, path: [] }] : [];
  let count = 0;
  // The list grows while it is walked, level by level.
  for (const { value, path } of visits) {
    if (path.length > DEEPEST_LEVEL) {
      return { path: path.slice(0, 1), message: `nested more than ${DEEPEST_LEVEL} levels deep` };
    }
    const size = sizeOf(value);
    count += size;
    if (count > MOST_VALUES) return { path: [], message: `more than ${MOST_VALUES} values` };
    if (size > MOST_FIELDS && !Array.isArray(value)) return { path, message: `more than ${MOST_FIELDS} fields` };
    for (const [key, child] of entriesOf(value)) {
      if (typeof key === 'string' && !key.isWellFormed()) return { path, message: `a name has ${BROKEN_TEXT}` };
      if (key === '__proto__') return { path, message: 'the name "__proto__" is not allowed' };
      if (typeof child === 'string' && !child.isWellFormed()) return { path: [...path, key], message: BROKEN_TEXT };
      if (isContainer(child)) visits.push({ value: child, path: [...path, key] });
    }
  }
  return undefined;
}

const BROKEN_TEXT = 'half of a surrogate pair (a broken character)';

function isContainer(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function sizeOf(container: object): number {
  return Array.isArray(container) ? container.length : Object.keys(container).length;
}

function entriesOf(container: object): Iterable<[string | number, unknown]> {
  return Array.isArray(container) ? container.entries() : Object.entries(container);
}
