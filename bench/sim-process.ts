import type { LedgerTotals } from '../src/sim/ledger.ts';
import type { SimProfilesInput } from '../src/sim/profiles.ts';
import { type Sim, startSim } from '../src/sim/server.ts';
import { serveParent } from './children.ts';
import { SIM_PROFILES } from './workload.ts';

/** The simulated provider in a process of its own. */

let sim: Sim | undefined;

serveParent(
  {
    async start(profiles?: SimProfilesInput): Promise<string> {
      sim = await startSim({ profiles: profiles ?? SIM_PROFILES, keepCalls: 0 });
      return sim.url;
    },
    /** How many calls were answered since the last time this was asked. */
    answered(): number {
      const answered = sim?.ledger.totals().answered ?? 0;
      sim?.ledger.reset();
      return answered;
    },
    totals: (): LedgerTotals | undefined => sim?.ledger.totals(),
  },
  async () => sim?.stop(),
);
