/** Plain data as it is `now`, in which every part that equals the same part of `before` is that very object. */
export function keepEqual<Data>(before: Data | undefined, now: Data): Data {
  if (before === now || !isRecord(before) || !isRecord(now)) return now;
  const parts = Object.entries(now).map(
    ([name, part]) => [name, keepEqual(Object.hasOwn(before, name) ? before[name] : undefined, part)] as const,
  );
  const isEqual = parts.length === Object.keys(before).length && parts.every(([name, part]) => part === before[name]);
  return isEqual ? before : { ...now, ...Object.fromEntries(parts) };
}

function isRecord(data: unknown): data is Record<string, unknown> {
  return typeof data === 'object' && data !== null;
}
