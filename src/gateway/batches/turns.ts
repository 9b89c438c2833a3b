import { setImmediate as nextTurn } from 'node:timers/promises';

/** What goes on for longer than this lets others have their turn: answers to requests wait for it. */
const TURN_MS = 5;
/** Of a file that comes in one piece so much is looked at between two looks at the time. */
const SLICE_BYTES = 16_384;

/** The same values; whatever is done with them, the event loop is not kept from others for long. */
export async function* inTurns<Value>(values: Iterable<Value> | AsyncIterable<Value>): AsyncGenerator<Value> {
  let since = performance.now();
  for await (const value of values) {
    yield value;
    if (performance.now() - since < TURN_MS) continue;
    await nextTurn();
    since = performance.now();
  }
}

/** Likewise of bytes, in pieces that are small enough for that. */
export function inSlices(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  return inTurns(slicesOf(chunks));
}

async function* slicesOf(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  for await (const chunk of chunks) {
    for (let start = 0; start < chunk.length; start += SLICE_BYTES) yield chunk.subarray(start, start + SLICE_BYTES);
  }
}
