import type { Ledger } from '../store/ledger.ts';
import type { WriteGuard } from './write-guard.ts';

/**
 * The ledger of a worker whose settles wait for a Redis that refuses writes: an answer that is paid for is not thrown
 * away. Everything else fails as it does, and the guard hears of it.
 */
export function guardLedger(ledger: Ledger, guard: WriteGuard): Ledger {
  const noticing = async <Value>(work: Promise<Value>): Promise<Value> => {
    try {
      return await work;
    } catch (error) {
      guard.notice(error);
      throw error;
    }
  };
  return {
    ...ledger,
    history: (...asked) => noticing(ledger.history(...asked)),
    admit: (...asked) => noticing(ledger.admit(...asked)),
    markSent: (...asked) => noticing(ledger.markSent(...asked)),
    settle: (...told) => guard.insist(() => ledger.settle(...told)),
  };
}
