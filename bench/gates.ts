import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { measureCallerLimits } from './caller-limits.ts';
import { GATE_PROFILES, measureDeadProvider, measureLimit, measureStorm } from './gate-scenarios.ts';
import { inLaboratory } from './laboratory.ts';
import { describeMachine } from './report.ts';

/**
 * `npm run bench:gates -- [--json] [--quick]`: what four worker processes get out of a provider that limits them, what a
 * storm of refusals costs, and how soon they leave a dead provider alone. A whole run also writes
 * `docs/benchmarks-gates.md`; with `--json` it prints one object instead.
 */

const PAGE = new URL('../docs/benchmarks-gates.md', import.meta.url);

const { values } = parseArgs({
  options: { json: { type: 'boolean', default: false }, quick: { type: 'boolean', default: false } },
});
const seconds = values.quick ? 10 : 30;

const { figures, redisVersion } = await inLaboratory(async (laboratory) => {
  const limit = await measureLimit(laboratory, { seconds, isConfigured: true });
  const learnt = await measureLimit(laboratory, { seconds, isConfigured: false });
  const storm = await measureStorm(laboratory, { seconds });
  const dead = await measureDeadProvider(laboratory);
  const callers = await measureCallerLimits(laboratory, { rounds: 5 });
  return {
    redisVersion: laboratory.redisVersion,
    figures: {
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
      one_caller_limit_cost: Number(callers.one.toFixed(2)),
      two_caller_limits_cost: Number(callers.two.toFixed(2)),
    },
  };
}, GATE_PROFILES);

const MEANINGS: Record<keyof typeof figures, string> = {
  limit_share: 'part of a configured limit of 6,000 calls a minute that is used while jobs wait',
  share_429: 'part of those calls that is answered 429',
  deferrals_per_job: 'how often a job is put back until it is called',
  learnt_limit_share: 'the same limit, known from the headers of answers alone',
  learnt_share_429: 'part of those calls that is answered 429',
  storm_seconds: 'for so many seconds every call is answered 429',
  storm_jobs: 'jobs in the queue by then',
  storm_calls: 'calls that were made during it, by all processes',
  storm_attempts_spent: 'attempts that the jobs spent on it',
  storm_failed: 'jobs that failed by it',
  calls_after_open: 'calls of a model that answers nothing but 500, in the nine seconds after its circuit opened',
  calls_after_open_bound: 'the calls under way then, and one trial every two seconds',
  one_caller_limit_cost:
    'CPU of Redis for the two steps of a job, each job of another user who has all three kinds of limits; 1 is without limits',
  two_caller_limits_cost: 'the same, with another limit that all users share',
};

if (values.json) console.log(JSON.stringify(figures));
else for (const [name, figure] of Object.entries(figures)) console.log(`${name.padEnd(24)} ${figure}`);
if (!values.json && !values.quick) await writePage();

async function writePage(): Promise<void> {
  const rows = Object.entries(figures).map(
    ([name, figure]) => `| \`${name}\` | ${figure} | ${MEANINGS[name as keyof typeof figures]} |`,
  );
  const page = [
    '# What the gates do',
    'Written by `npm run bench:gates`: four worker processes, 25 jobs at a time each, one simulated provider that enforces its limits with a bucket of one second.',
    describeMachine(redisVersion),
    ['| figure | | |', '|---|---:|---|', ...rows].join('\n'),
  ];
  await writeFile(PAGE, `${page.join('\n\n')}\n`);
}
