import { parseArgs } from 'node:util';
import { measureDeadProvider, measureLimit, measureStorm, GATE_PROFILES } from './gate-scenarios.ts';
import { inLaboratory } from './laboratory.ts';

/**
 * `npm run bench:gates -- [--json] [--quick]`: what four worker processes get out of a provider that limits them, what a
 * storm of refusals costs, and how soon they leave a dead provider alone.
 */

const { values } = parseArgs({
  options: { json: { type: 'boolean', default: false }, quick: { type: 'boolean', default: false } },
});
const seconds = values.quick ? 10 : 30;

const figures = await inLaboratory(async (laboratory) => {
  const limit = await measureLimit(laboratory, { seconds, isConfigured: true });
  const learnt = await measureLimit(laboratory, { seconds, isConfigured: false });
  const storm = await measureStorm(laboratory, { seconds });
  const dead = await measureDeadProvider(laboratory);
  return {
    limit_share: limit.share,
    share_429: limit.share429,
    deferrals_per_job: limit.deferralsPerJob,
    learnt_limit_share: learnt.share,
    learnt_share_429: learnt.share429,
    storm_seconds: seconds,
    storm_jobs: storm.jobs,
    storm_calls: storm.calls,
    storm_attempts_spent: storm.attemptsSpent,
    storm_failed: storm.failed,
    calls_after_open: dead.callsAfterOpen,
    calls_after_open_bound: dead.bound,
    probes: dead.probes,
  };
}, GATE_PROFILES);

if (values.json) console.log(JSON.stringify(figures));
else for (const [name, figure] of Object.entries(figures)) console.log(`${name.padEnd(24)} ${figure}`);
