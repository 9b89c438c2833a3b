import { ApiError } from './api-error.ts';

/** Those who wait for answers hold memory: so many at a time, and not one more. */
export type Places = {
  /** Returns how to leave; throws an ApiError 503 when all are taken. */
  take(): () => void;
  /** Resolves when nobody is left. */
  empty(): Promise<void>;
};

export function createPlaces(most: number): Places {
  const taken = new Set<PromiseWithResolvers<void>>();
  return {
    take() {
      if (taken.size >= most) {
        const message = `${most} requests are waiting for their answers already; come again in a moment`;
        throw new ApiError(503, 'overloaded_error', message, { code: 'overloaded', retry: { afterMs: 1_000 } });
      }
      const place = Promise.withResolvers<void>();
      taken.add(place);
      return () => {
        taken.delete(place);
        place.resolve();
      };
    },
    async empty() {
      await Promise.all([...taken].map(({ promise }) => promise));
    },
  };
}
