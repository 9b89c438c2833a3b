import { createHash } from 'node:crypto';

const INITIAL_SLOTS = 1 << 12;

/**
 * Which line used an id first, for millions of ids: an open-addressing table of 64-bit digests and line numbers,
 * 12 bytes a slot where a Map of texts would take a hundred. Two different ids among a million share a digest with a
 * probability of about 3 in 100 million.
 */
export class SeenIds {
  #digests = new BigUint64Array(INITIAL_SLOTS);
  #lines = new Uint32Array(INITIAL_SLOTS);
  #size = 0;

  /** Notes the id; returns the line that used it before, if one did. */
  note(id: string, line: number): number | undefined {
    if (this.#size * 2 >= this.#lines.length) this.#grow();
    const digest = digestOf(id);
    const slot = this.#slotOf(digest);
    const earlier = this.#lines[slot];
    if (earlier) return earlier;
    this.#digests[slot] = digest;
    this.#lines[slot] = line;
    this.#size += 1;
    return undefined;
  }

  /** The line that used the id first; undefined when none did. */
  lineOf(id: string): number | undefined {
    return this.#lines[this.#slotOf(digestOf(id))] || undefined;
  }

  /** The slot that holds the digest, or the free one where it belongs. A line number of 0 marks a free slot. */
  #slotOf(digest: bigint): number {
    const mask = this.#lines.length - 1;
    let slot = Number(digest & BigInt(mask));
    while (this.#lines[slot] !== 0 && this.#digests[slot] !== digest) slot = (slot + 1) & mask;
    return slot;
  }

  #grow(): void {
    const [digests, lines] = [this.#digests, this.#lines];
    this.#digests = new BigUint64Array(digests.length * 2);
    this.#lines = new Uint32Array(lines.length * 2);
    for (const [index, line] of lines.entries()) {
      if (line === 0) continue;
      const slot = this.#slotOf(digests[index] ?? 0n);
      this.#digests[slot] = digests[index] ?? 0n;
      this.#lines[slot] = line;
    }
  }
}

function digestOf(id: string): bigint {
  return createHash('sha1').update(id).digest().readBigUInt64LE(0);
}
