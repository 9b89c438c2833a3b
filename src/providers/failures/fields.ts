/** Reading of values that others made: whatever they do when they are looked at, the answer is the field or undefined. */

export function fieldOf(value: unknown, name: string): unknown {
  try {
    return typeof value === 'object' && value !== null && Object.hasOwn(value, name)
      ? (value as Record<string, unknown>)[name]
      : undefined;
  } catch {
    // A getter or a proxy that throws.
    return undefined;
  }
}

/** The text of a field, the first one of a list. */
export function textOf(value: unknown, name: string): string | undefined {
  const field = fieldOf(value, name);
  const text = isList(field) ? fieldOf(field, '0') : field;
  return typeof text === 'string' ? text : undefined;
}

export function isList(value: unknown): value is readonly unknown[] {
  try {
    return Array.isArray(value);
  } catch {
    // A proxy that has been revoked.
    return false;
  }
}

/** `instanceof` runs code of the other side when that is a proxy. */
export function isInstance<Kind>(value: unknown, kind: abstract new (...parameters: never[]) => Kind): value is Kind {
  try {
    return value instanceof kind;
  } catch {
    return false;
  }
}
