import { ApiError } from './api-error.ts';

/** Those who wait for answers hold memory: so many at a time with so many bytes, and not one more. */
export type Places = {
  /** For a request of `bytes`, as far as it says; throws an ApiError 503 when there is no room for it. */
  take(bytes: number): Place;
  /** Resolves when nobody is left. */
  empty(): Promise<void>;
};

/** It is held until it was left, and until the work for it has ended. */
export type Place = {
  /** More has come than the request said; throws as `take` does. */
  grow: (bytes: number) => void;
  leave: () => void;
  during: <Result>(work: () => Promise<Result>) => Promise<Result>;
};

export type PlaceLimits = { most: number; mostBytes: number };

export function createPlaces({ most, mostBytes }: PlaceLimits): Places {
  const taken = new Set<PromiseWithResolvers<void>>();
  let waitingBytes = 0;

  /** Whoever is alone is let in, however large: else he could never be. */
  function makeRoom(bytes: number, others: number): void {
    if (others > 0 && waitingBytes + bytes > mostBytes) throw overloaded(`requests of ${waitingBytes} bytes`);
    waitingBytes += bytes;
  }

  return {
    take(bytes) {
      if (taken.size >= most) throw overloaded(`${most} requests`);
      makeRoom(bytes, taken.size);
      const end = Promise.withResolvers<void>();
      taken.add(end);
      let held = bytes;
      let holders = 1;
      let hasLeft = false;

      function letGo(): void {
        holders -= 1;
        if (holders > 0) return;
        waitingBytes -= held;
        taken.delete(end);
        end.resolve();
      }

      return {
        grow(more) {
          makeRoom(more, taken.size - 1);
          held += more;
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
    async empty() {
      await Promise.all([...taken].map(({ promise }) => promise));
    },
  };
}

function overloaded(what: string): ApiError {
  const message = `${what} are waiting for their answers already; come again in a moment`;
  return new ApiError(503, 'overloaded_error', message, { code: 'overloaded', retry: { afterMs: 1_000 } });
}
