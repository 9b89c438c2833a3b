import { BATCH_FAULTS } from './batch-faults.ts';
import { CLOCK_FAULTS } from './clock-faults.ts';
import type { Fault } from './fault.ts';
import { MONEY_FAULTS } from './money-faults.ts';
import { NETWORK_FAULTS } from './network-faults.ts';
import { POISON_FAULTS } from './poison-faults.ts';
import { PROCESS_FAULTS } from './process-faults.ts';
import { PROVIDER_FAULTS } from './provider-faults.ts';
import { REDIS_FAULTS } from './redis-faults.ts';

/** Everything that goes wrong here, in the order of the table. */
export const FAULTS: readonly Fault[] = [
  ...PROCESS_FAULTS,
  ...REDIS_FAULTS,
  ...NETWORK_FAULTS,
  ...PROVIDER_FAULTS,
  ...POISON_FAULTS,
  ...CLOCK_FAULTS,
  ...BATCH_FAULTS,
  ...MONEY_FAULTS,
];
