import {
  DIMENSION_NAMES,
  USAGE_DIMENSIONS,
  USAGE_MEASURES,
  type UsageDimension,
  type UsageSums,
  addRecord,
  emptySums,
} from '../../domain/usage-sums.ts';
import { dayOfId } from '../stream-id.ts';
import type { UsageEntry } from '../usage-stream.ts';
import { encodeValue } from './place.ts';

type Tally = { day: string; dimension: UsageDimension; value: string; sums: UsageSums };

/**
 * A page of records as sums by day, dimension and value, in the order in which the values appear: who comes first on a
 * day has sums of his own, however the records are cut into pages. The day is that of Redis' clock when it was written.
 */
export function tally(entries: readonly UsageEntry[]): Tally[] {
  const tallies = new Map<string, Tally>();
  for (const { id, record } of entries) {
    const day = dayOfId(id);
    for (const dimension of DIMENSION_NAMES) {
      const value = encodeValue(USAGE_DIMENSIONS[dimension](record));
      const key = `${day} ${dimension} ${value}`;
      let known = tallies.get(key);
      if (known === undefined) tallies.set(key, (known = { day, dimension, value, sums: emptySums() }));
      addRecord(known.sums, record);
    }
  }
  return [...tallies.values()];
}

/** As the script takes them. A cost of 0 is sent, too: by it the script knows the values that it has seen. */
export function toArguments(tallies: readonly Tally[]): string[] {
  return tallies.flatMap(({ day, dimension, value, sums }) => {
    const measures = USAGE_MEASURES.filter((measure) => sums[measure] !== 0 || measure === 'cost_nanos');
    const amounts = measures.flatMap((measure) => [measure, String(sums[measure])]);
    return [day, dimension, value, String(measures.length), ...amounts];
  });
}

/** The hash of one day and dimension, by value. */
export function readSums(hash: Readonly<Record<string, string>>): Map<string, UsageSums> {
  const byValue = new Map<string, UsageSums>();
  for (const [field, amount] of Object.entries(hash)) {
    const [, name, value] = /^([a-z_]+)([=~-][^]*)$/.exec(field) ?? [];
    const measure = USAGE_MEASURES.find((known) => known === name);
    if (measure === undefined || value === undefined) continue;
    let sums = byValue.get(value);
    if (sums === undefined) byValue.set(value, (sums = emptySums()));
    sums[measure] = Number(amount);
  }
  return byValue;
}
