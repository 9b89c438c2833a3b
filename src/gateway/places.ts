import { ApiError } from './api-error.ts';

/**
 * Those who wait for answers hold memory: so many at a time with so many bytes, and not one more. Bytes count when they have
 * come. A caller may hold as many as are left free after him, half of all if he is the only one: whatever he sends, or leaves
 * half sent, there is room for others.
 */
export type Places = {
  /**
   * For a request of `toldBytes`, as far as it says, of the caller with this key. Throws an ApiError 503 when there is no
   * room for it now; nothing is kept free for what it has not sent yet.
   */
  take(caller: string | undefined, toldBytes: number): Place;
  /** True when nobody is left; false when somebody still is after `withinMs`. */
  empty(withinMs: number): Promise<boolean>;
};

/** It is held until it was left, and until the work for it has ended. */
export type Place = {
  /** So many bytes have come; throws as `take` does. */
  grow: (bytes: number) => void;
  leave: () => void;
  during: <Result>(work: () => Promise<Result>) => Promise<Result>;
};

export type PlaceLimits = { most: number; mostBytes: number };

export function createPlaces({ most, mostBytes }: PlaceLimits): Places {
  const taken = new Set<PromiseWithResolvers<void>>();
  const room = createRoom(mostBytes);

  return {
    take(caller, toldBytes) {
      if (taken.size >= most) throw overloaded(`${most} requests`);
      room.check(caller, toldBytes, 0);
      const end = Promise.withResolvers<void>();
      taken.add(end);
      let ownBytes = 0;
      let holders = 1;
      let hasLeft = false;

      function letGo(): void {
        holders -= 1;
        if (holders > 0) return;
        room.hold(caller, -ownBytes);
        taken.delete(end);
        end.resolve();
      }

      return {
        grow(bytes) {
          room.check(caller, bytes, ownBytes);
          room.hold(caller, bytes);
          ownBytes += bytes;
        },
        leave() {
          if (!hasLeft) letGo();
          hasLeft = true;
        },
        async during(work) {
          holders += 1;
          try {
            return await work();
          } finally {
            letGo();
          }
        },
      };
    },
    async empty(withinMs) {
      const late = Promise.withResolvers<boolean>();
      const timer = setTimeout(() => late.resolve(false), withinMs);
      const all = Promise.all([...taken].map(({ promise }) => promise)).then(() => true);
      try {
        return await Promise.race([all, late.promise]);
      } finally {
        clearTimeout(timer);
      }
    },
  };
}

/** The bytes that there are, and who holds how many. */
function createRoom(mostBytes: number) {
  const bytesOf = new Map<string | undefined, number>();
  let waitingBytes = 0;

  return {
    /** Whoever holds all there is, is let in, however large: else he could never be. */
    check(caller: string | undefined, more: number, ownBytes: number): void {
      if (waitingBytes === ownBytes) return;
      const freeBytes = mostBytes - waitingBytes - more;
      if (freeBytes < 0) throw overloaded(`requests of ${waitingBytes} bytes`);
      const held = bytesOf.get(caller) ?? 0;
      if (held + more > freeBytes) throw overloaded(`requests of yours of ${held} bytes`);
    },
    hold(caller: string | undefined, bytes: number): void {
      const held = (bytesOf.get(caller) ?? 0) + bytes;
      if (held === 0) bytesOf.delete(caller);
      else bytesOf.set(caller, held);
      waitingBytes += bytes;
    },
  };
}

function overloaded(what: string): ApiError {
  const message = `${what} are waiting for their answers already; come again in a moment`;
  return new ApiError(503, 'overloaded_error', message, { code: 'overloaded', retry: { afterMs: 1_000 } });
}
