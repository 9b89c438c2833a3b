import type { Fault, FaultContext, Plant } from './fault.ts';
import { FAULTS } from './faults.ts';

/**
 * The check of the checker: known bugs, planted into workers one at a time by changing their sources while they load. A
 * bug counts as caught when a fault that passes without it shows the very violation that the bug must cause.
 */
type PlantedBug = Plant & {
  /** The fault that has to show it. */
  fault: string;
  shows: RegExp;
};

export type PlantReport = { caught: number; of: number; missed: string[] };

const ATTEMPT = 'src/workers/attempt.ts';
const LEDGER = 'src/store/ledger.ts';
const SETTLE = 'src/store/ledger/settle.ts';
const OPEN_ATTEMPTS = 'src/store/ledger/open-attempts.ts';

const PLANTS: readonly PlantedBug[] = [
  {
    name: 'settle is not idempotent',
    fault: 'replies-lost',
    shows: /duplicate_records|spent_minus_stream/,
    patches: [
      {
        file: SETTLE,
        find: "if not written_off then return 'repeated' end",
        replace: "if not written_off then add_usage(record) return 'repeated' end",
      },
    ],
  },
  {
    name: 'usage is written by the completion handler',
    fault: 'kill-worker',
    shows: /unrecorded|spent_minus_stream/,
    patches: [
      {
        file: SETTLE,
        find: '    add_usage(record)\n    close_attempt(job, entry, cost, report)',
        replace: '    close_attempt(job, entry, cost, report)',
      },
      {
        file: LEDGER,
        find: 'const reply = await runSettle(settleFields(request));',
        replace: `const reply = await runSettle(settleFields(request));
    const record = request.call?.record;
    if (record) setTimeout(() => void redis.xadd(keys.usage, '*', 'record', JSON.stringify(record)).catch(() => {}), 300);`,
      },
    ],
  },
  {
    name: 'a time-out is refunded',
    fault: 'answers-stall',
    shows: /unrecorded/,
    patches: [
      {
        file: ATTEMPT,
        find: 'const latencyMs = services.now() - attempt.startedAt;',
        replace: `const latencyMs = services.now() - attempt.startedAt;
  if (answer instanceof GatewayError && answer.code === 'PROVIDER_TIMEOUT') {
    await services.ledger.settle({ ...jobOf(start), unsent: attemptId });
    return { kind: 'next-model', error: answer, delayMs: 0 };
  }`,
      },
    ],
  },
  {
    name: 'attempts are told apart by attemptsMade',
    fault: 'kill-after-answer',
    shows: /unrecorded/,
    patches: [
      {
        file: 'src/workers/services.ts',
        find: '{ jobId, job, attemptsStarted }: Start',
        replace: '{ jobId, job, attemptsMade: attemptsStarted }: Start',
      },
    ],
  },
  {
    name: 'there is no local lease',
    fault: 'partition',
    shows: /went on after the lock/,
    patches: [{ file: 'src/workers/lease.ts', find: 'else controller.abort(lost());', replace: 'else void lost;' }],
  },
  {
    name: 'the chain is off by one',
    fault: 'answers-reset',
    shows: /was asked again/,
    patches: [
      {
        file: 'src/workers/choice.ts',
        find: 'const failed = failuresIn(trail, services);',
        replace: 'const failed = failuresIn(trail, services).slice(1);',
      },
    ],
  },
  {
    name: 'an empty purse is tried again',
    fault: 'purse-of-ten-calls',
    shows: /lost|still goes on/,
    patches: [
      {
        file: 'src/workers/denial.ts',
        find: "case 'reject':\n      return end();",
        replace: "case 'reject':\n      return { kind: 'deferred', error: exceeded(reason), delayMs: 200 };",
      },
    ],
  },
  {
    name: 'money is a float',
    fault: 'odd-prices',
    shows: /spent_minus_stream/,
    patches: [
      {
        file: 'src/domain/money.ts',
        find: 'return Math.ceil(picos / PICOS_PER_NANO);',
        replace: 'return picos / PICOS_PER_NANO;',
      },
    ],
  },
  {
    name: 'the stream is trimmed by its length',
    fault: 'submitted-twice',
    shows: /unrecorded/,
    patches: [
      {
        file: OPEN_ATTEMPTS,
        find: "'XADD', prefix .. ':usage', '*'",
        replace: "'XADD', prefix .. ':usage', 'MAXLEN', 100, '*'",
      },
    ],
  },
  {
    name: 'budgets are checked first and added to later',
    fault: 'purse-of-ten-calls',
    shows: /overshoot_usd/,
    patches: [
      {
        file: 'src/store/ledger/purses.ts',
        find: 'purse.spent + purse.held + amount > found.limit',
        replace: 'purse.spent + amount > found.limit',
      },
    ],
  },
  {
    name: 'fallbacks are not held against the budget',
    fault: 'purse-of-ten-fallbacks',
    shows: /overshoot_usd/,
    patches: [
      {
        file: 'src/workers/reserve.ts',
        find: 'holdNanos: candidate.boundNanos',
        replace: 'holdNanos: start.attemptsMade > 0 ? 0 : candidate.boundNanos',
      },
    ],
  },
  {
    name: 'calls go out without a mark',
    fault: 'kill-after-answer',
    shows: /unrecorded/,
    patches: [
      {
        file: ATTEMPT,
        find: 'if (!(await services.ledger.markSent(start.jobId, attemptId)))',
        replace: 'if (services === undefined)',
      },
    ],
  },
  {
    name: 'a stored result is not looked for',
    fault: 'kill-after-settle',
    shows: /calls_after_settle|completed_twice/,
    patches: [
      { file: ATTEMPT, find: 'if (history.result) return outcomeOf(history.result);', replace: '' },
      { file: 'src/store/ledger/admit.ts', find: "if result then return { 'done', result } end", replace: '' },
    ],
  },
  {
    name: 'gates are not left',
    fault: 'submitted-twice',
    shows: /gates still count/,
    patches: [{ file: OPEN_ATTEMPTS, find: 'leave_gates(entry.gates, report)', replace: '' }],
  },
];

/** Plants one bug after the other. `told` hears of each as it is judged. */
export async function runPlants(
  context: FaultContext,
  sideBySide: number,
  told: (line: string) => void,
): Promise<PlantReport> {
  const missed: string[] = [];
  const waiting = PLANTS.values();
  const runner = async (): Promise<void> => {
    for (const { fault: name, shows, ...plant } of waiting) {
      const report = await faultNamed(name).run({ ...context, short: true, plant });
      const isCaught = report.violations.some((violation) => shows.test(violation));
      if (!isCaught) missed.push(plant.name);
      const shown = isCaught ? 'caught' : `MISSED (${report.violations.join('; ') || 'no violation'})`;
      told(`${shown}: ${plant.name}, by ${name}`);
    }
  };
  await Promise.all(Array.from({ length: sideBySide }, runner));
  return { caught: PLANTS.length - missed.length, of: PLANTS.length, missed };
}

function faultNamed(name: string): Fault {
  const fault = FAULTS.find((each) => each.name === name);
  if (!fault) throw new Error(`a plant names an unknown fault: ${name}`);
  return fault;
}
