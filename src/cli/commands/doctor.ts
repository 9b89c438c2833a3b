import { Command } from 'commander';
import { checkConfiguration } from '../checks/configuration.ts';
import { type Check, type Finding, checkNode } from '../checks/finding.ts';
import { checkGates } from '../checks/gates.ts';
import { checkProviders } from '../checks/providers.ts';
import { checkRedis } from '../checks/redis.ts';
import { type Context, contextOf } from '../context.ts';
import { EXIT } from '../failure.ts';
import { plural, styled } from '../format.ts';
import { SLUICE } from '../invocation.ts';

export const doctorCommand = new Command('doctor')
  .description('check Node, Redis, the configuration and the providers, and say what to do')
  .option('--json', 'one JSON object')
  .addHelpText(
    'after',
    `
Asks each provider for its list of models, which costs nothing. Exit code 0
without a FAIL, 3 when Redis is why, 2 when the configuration is, 1 when
something else is.

Example:
  $ ${SLUICE} doctor`,
  )
  .action(async ({ json = false }: { json?: boolean }, command: Command) => {
    const context = contextOf(command);
    const findings: Finding[] = [];
    for await (const finding of findAll(context)) {
      findings.push(finding);
      if (!json) context.print(describe(finding));
    }
    process.exitCode = exitCodeFor(findings);
    const failures = findings.filter((finding) => finding.status === 'fail').length;
    if (json) context.print(JSON.stringify({ ok: failures === 0, checks: findings }));
    else
      context.note(
        failures === 0 ? `\nready to run${warningsOf(findings)}` : `\n${plural(failures, 'problem')} to solve`,
      );
  });

function warningsOf(findings: readonly Finding[]): string {
  const warnings = findings.filter((finding) => finding.status === 'warn').length;
  return warnings === 0 ? '' : `, with ${plural(warnings, 'warning')}`;
}

/** One after the other, so that a person sees what is being waited for. */
async function* findAll(context: Context): AsyncGenerator<Finding> {
  yield checkNode();
  const configuration = checkConfiguration(context);
  yield* await checkRedis(context, configuration.config?.redis.url);
  yield* configuration.findings;
  if (configuration.config === undefined) return;
  yield* await checkProviders(configuration.config);
  yield* await checkGates(context, configuration.config);
}

const EXIT_CODES: Record<Check, number> = {
  node: EXIT.someFailed,
  redis: EXIT.redis,
  configuration: EXIT.badInput,
  provider: EXIT.someFailed,
};

function exitCodeFor(findings: readonly Finding[]): number {
  const codes = findings.filter(({ status }) => status === 'fail').map(({ check }) => EXIT_CODES[check]);
  // Redis first: without it nothing runs at all.
  return Math.max(EXIT.ok, ...codes);
}

const LABELS = {
  ok: () => styled('green', 'ok  '),
  warn: () => styled('yellow', 'warn'),
  fail: () => styled(['red', 'bold'], 'FAIL'),
} as const;

function describe({ status, check, message }: Finding): string {
  return `${LABELS[status]()}  ${check.padEnd(13)}  ${message}`;
}
