import type { Logger } from 'pino';
import type { DoorEntry, DoorStore } from '../store/door.ts';
import type { GatewayTools } from './tools.ts';

/** For so long the requests of a gateway that has died are counted as under way. */
export const LEASE_MS = 30_000;
/** Two of them may fail in a row. */
const RENEW_EVERY_MS = 10_000;

/** Says of all requests that are under way that they still are: one timer for all, and none when there are none. */
export type DoorLeases = {
  /** Until `end`, and for `longestMs` at the most: nothing that was forgotten counts for ever. */
  hold(entry: DoorEntry, longestMs: number): void;
  end(entry: DoorEntry): void;
};

export function createDoorLeases(
  store: Pick<DoorStore, 'renew'>,
  { logger, now }: { logger: Logger } & Pick<GatewayTools, 'now'>,
): DoorLeases {
  const endsAtOf = new Map<DoorEntry, number>();
  let timer: NodeJS.Timeout | undefined;

  function renew(): void {
    const time = now();
    for (const [entry, endsAt] of endsAtOf) if (endsAt <= time) end(entry);
    store.renew(endsAtOf.keys()).catch((error: unknown) => {
      logger.warn({ error: String(error) }, 'the requests under way could not be told to the limits');
    });
  }

  function end(entry: DoorEntry): void {
    endsAtOf.delete(entry);
    if (endsAtOf.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  }

  return {
    hold(entry, longestMs) {
      if (!entry.subjects.some(({ limits }) => limits.concurrency !== undefined)) return;
      endsAtOf.set(entry, now() + longestMs);
      timer ??= setInterval(renew, RENEW_EVERY_MS).unref();
    },
    end,
  };
}
