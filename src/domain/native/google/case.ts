/** What is below these names is the caller's own: arguments, results, schemas, labels. */
const OF_THE_CALLER = new Set([
  'args',
  'response',
  'parameters',
  'parametersJsonSchema',
  'responseSchema',
  'responseJsonSchema',
  'labels',
]);

/**
 * A body of Google's API with all its names as `camelCase`: it takes `snake_case` just as well. A name that is there in
 * both ways stays, to be found as unknown. Expects what `findMalformed` has passed: nothing nested without end.
 */
export function inCamelCase(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inCamelCase);
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, child]) => {
      const camel = name.replace(/_([a-z])/g, (_match, letter: string) => letter.toUpperCase());
      const isTaken = camel !== name && Object.hasOwn(value, camel);
      return [isTaken ? name : camel, OF_THE_CALLER.has(camel) ? child : inCamelCase(child)];
    }),
  );
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
