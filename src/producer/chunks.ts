/** One `addBulk` blocks the event loop for as long as it takes to encode; larger ones gain nothing. */
const CHUNK = 100;

/** While Redis works on one chunk, the next ones are made; more of them would only use memory. */
const CHUNKS_IN_FLIGHT = 3;

/** The entries in chunks. When the source fails, what it gave before that comes first. */
export async function* inChunks<Entry>(entries: Iterable<Entry> | AsyncIterable<Entry>): AsyncGenerator<Entry[]> {
  let chunk: Entry[] = [];
  try {
    for await (const entry of entries) {
      chunk.push(entry);
      if (chunk.length < CHUNK) continue;
      yield chunk;
      chunk = [];
    }
  } catch (error) {
    if (chunk.length > 0) yield chunk;
    throw error;
  }
  if (chunk.length > 0) yield chunk;
}

/**
 * Reads entries and adds them in chunks, a few at a time: the source is read no faster than they are acknowledged.
 * `onAdded` hears, in order, how many entries from the start are in; when the source fails, that is all that it gave.
 * Returns how many there were.
 */
export async function enqueueInChunks<Entry>(
  entries: Iterable<Entry> | AsyncIterable<Entry>,
  add: (chunk: readonly Entry[]) => Promise<void>,
  onAdded: (total: number) => Promise<void> | void = () => {},
): Promise<number> {
  const inFlight: { size: number; added: Promise<void> }[] = [];
  let total = 0;

  const awaitOldest = async (): Promise<void> => {
    const oldest = inFlight[0];
    if (!oldest) return;
    // One that failed stays in front: what comes after it must not be counted as if it were in.
    await oldest.added;
    inFlight.shift();
    total += oldest.size;
    await onAdded(total);
  };

  try {
    for await (const chunk of inChunks(entries)) {
      const added = add(chunk);
      // Awaited in order; until then a rejection must not count as unhandled.
      added.catch(() => {});
      inFlight.push({ size: chunk.length, added });
      if (inFlight.length >= CHUNKS_IN_FLIGHT) await awaitOldest();
    }
  } finally {
    // Also when the source or a chunk failed: nothing may still be under way when the caller hears of it.
    await Promise.allSettled(inFlight.map((chunkInFlight) => chunkInFlight.added));
    while (inFlight.length > 0) await awaitOldest();
  }
  return total;
}
