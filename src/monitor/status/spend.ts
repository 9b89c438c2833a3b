import { type UsageDimension, type UsageSums, addSums, emptySums } from '../../domain/usage-sums.ts';
import { nameOfValue } from '../../store/rollups/place.ts';
import type { RollupDay, Rollups } from '../../store/rollups/rollups.ts';
import { dayOfTime, timeOfId } from '../../store/stream-id.ts';

/** What one model, account, ... came to; undefined: none was named. */
export type Share = { name: string | undefined; sums: UsageSums };

/** What a day came to so far, in UTC. */
export type Spend = {
  total: UsageSums;
  /** Of each dimension that was asked for, the dearest first. */
  shares: ReadonlyMap<UsageDimension, readonly Share[]>;
  /** Calls up to this time are in it; undefined: none was ever counted. Epoch ms. */
  countedUntilMs: number | undefined;
};

/** Reads a day's sums again only when something was added to them: of accounts there may be thousands. */
export function createSpendReader(
  rollups: Pick<Rollups, 'position' | 'readDay'>,
  dimensions: readonly UsageDimension[],
) {
  let known: { day: string; position: string; spend: Spend } | undefined;

  return async (now: number): Promise<Spend> => {
    const day = dayOfTime(now);
    if (known?.day === day && known.position === (await rollups.position())) return known.spend;
    const rollup = await rollups.readDay(day, dimensions);
    known = { day, position: rollup.position, spend: toSpend(rollup) };
    return known.spend;
  };
}

function toSpend({ position, sums }: RollupDay): Spend {
  const total = emptySums();
  for (const model of sums.get('model')?.values() ?? []) addSums(total, model);
  const countedUntilMs = timeOfId(position);
  return {
    total,
    shares: new Map([...sums].map(([dimension, byValue]) => [dimension, toShares(byValue)])),
    countedUntilMs: countedUntilMs === 0 ? undefined : countedUntilMs,
  };
}

function toShares(byValue: ReadonlyMap<string, UsageSums>): Share[] {
  return [...byValue]
    .map(([value, sums]) => ({ name: nameOfValue(value), sums }))
    .toSorted((a, b) => b.sums.cost_nanos - a.sums.cost_nanos || callsOf(b.sums) - callsOf(a.sums));
}

/** Calls without an answer that somebody still waited for: one that was broken off says nothing of its model. */
export function failuresOf({ failed, unconfirmed, cancelled }: UsageSums): number {
  return failed + unconfirmed - cancelled;
}

/** Calls that reached a provider, or may have. */
export function callsOf({ completed, failed, unconfirmed }: UsageSums): number {
  return completed + failed + unconfirmed;
}
