import { Command } from 'commander';
import { parse } from 'yaml';
import { unknownName } from '../../domain/config.ts';
import { InputError } from '../../domain/errors.ts';
import { suggestion } from '../../domain/issues.ts';
import { formatUsd } from '../../domain/money.ts';
import { parseAnswers } from '../../sim/answers.ts';
import { type FaultRule, createFaultPicker, parseFaultRule } from '../../sim/faults.ts';
import type { LedgerSums, LedgerTotals } from '../../sim/ledger.ts';
import { type Sim, type SimOptions, startSim } from '../../sim/server.ts';
import { type SimProfiles, parseProfiles } from '../../sim/profiles.ts';
import { readText } from '../../config/config-file.ts';
import { bundledFile, contextOf } from '../context.ts';
import { formatCount } from '../format.ts';
import { SLUICE } from '../invocation.ts';
import { collect, parsePort, parseSeed } from '../options.ts';
import { waitForStop } from '../processes.ts';
import { renderTable } from '../table.ts';

type Options = {
  port: number;
  host: string;
  seed: number;
  answers?: string;
  fail?: readonly string[];
  apiKey?: string;
};

export const simCommand = new Command('sim')
  .description('run a simulated provider with faults and a ledger of its own, until Ctrl-C')
  .argument('[profiles]', 'YAML file of models (default: the five of the demo, with their answers)')
  .option('--port <port>', '0 takes any that is free', parsePort, 4_010)
  .option('--host <host>', 'address to listen on', '127.0.0.1')
  .option('--seed <n>', 'the same seed gives the same answers and faults', parseSeed, 1)
  .option('--answers <file>', 'JSONL of {prompt, task, answer, wrong}: what the models know')
  .option('--fail <rule>', 'MODEL=KIND[:RATE], e.g. "sim/small-1=503:0.2"; may be given more than once', collect)
  .option('--api-key <key>', 'want this key of every caller')
  .addHelpText(
    'after',
    `
KIND is an HTTP status or one of timeout, slow, drip, stall, reset, empty, garbage,
truncated, error-in-200, refusal, chatter, cut-off; MODEL may hold stars. More
settings follow after commas:
"*=429:0.05,retry_after=1", "sim/large-1=slow,delay_ms=8000", "*=500,first=3".
GET /ledger tells what was really asked and what it costs; PUT /faults takes a
JSON list of rules in place of those before. The same port answers Anthropic's
Messages, Gemini (/v1beta) and OpenRouter (/api/v1).

A profile, as a line of the file; with "embeddings: 256" the model embeds:
  sim/a: { price: { input: 0.1, output: 0.4 }, latency: { p50_ms: 100, p95_ms: 300 } }

Example:
  $ ${SLUICE} sim --fail "sim/large-1=529:0.3"`,
  )
  .action(async (profiles: string | undefined, options: Options, command: Command) => {
    const context = contextOf(command);
    const settings = readSettings(profiles, options);
    const stopped = waitForStop();
    const sim = await start(settings);
    context.note(
      `simulated provider  ${sim.url}  (an OpenAI base URL${options.apiKey ? '; it wants the key' : '; any key'})`,
    );
    context.note(`its ledger          ${new URL('/ledger', sim.url).href}`);
    context.note(`models              ${Object.keys(settings.profiles).join(', ')}`);
    await stopped;
    await sim.stop();
    for (const line of describeTotals(sim.ledger.totals())) context.note(line);
  });

function readSettings(profiles: string | undefined, options: Options): SimOptions {
  const profilesFile = profiles ?? bundledFile('examples/demo/models.yaml');
  // Models of one's own know nothing of the demo's questions.
  const answersFile = options.answers ?? (profiles ? undefined : bundledFile('examples/demo/answers.jsonl'));
  const known = readInput(profilesFile, (text) => parseProfiles(parse(text)));
  return {
    port: options.port,
    host: options.host,
    seed: options.seed,
    profiles: known,
    ...(answersFile ? { answers: readInput(answersFile, (text) => parseAnswers(text.split('\n'))) } : {}),
    ...(options.fail ? { faults: options.fail.map((text) => readFault(text, known)) } : {}),
    ...(options.apiKey ? { apiKey: options.apiKey } : {}),
  };
}

function readInput<Value>(file: string, read: (text: string) => Value): Value {
  const text = readText(file);
  return orInputError(() => read(text), `${file}: `);
}

/** A rule that fits no model would do nothing, and nobody would be told. */
function readFault(text: string, known: SimProfiles): FaultRule {
  const rule = orInputError(() => parseFaultRule(text), '--fail: ');
  const names = Object.keys(known);
  // What a star stands for is the picker's to know; at rate 1 it picks this rule whenever that fits.
  const pick = createFaultPicker([{ model: rule.model, kind: rule.kind, rate: 1 }], known);
  if (names.some((name) => pick(name, 0)?.model === rule.model)) return rule;
  throw new InputError(`--fail: ${unknownName('model', rule.model, known)}${suggestion(rule.model, names)}`);
}

/** The simulator knows nothing of a command line: what it throws is one line for a person. */
function orInputError<Value>(work: () => Value, where: string): Value {
  try {
    return work();
  } catch (error) {
    throw new InputError(where + firstLineOf(error));
  }
}

async function start(settings: SimOptions): Promise<Sim> {
  try {
    return await startSim(settings);
  } catch (error) {
    throw new InputError(firstLineOf(error));
  }
}

function firstLineOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n')[0]?.replace(/:$/, '') ?? '';
}

function describeTotals(totals: LedgerTotals): string[] {
  if (totals.calls === 0) return ['it was not asked'];
  const models = Object.entries(totals.by_model).toSorted(([, a], [, b]) => b.cost_nanos - a.cost_nanos);
  return renderTable(
    [
      { title: 'model' },
      ...['calls', 'answered', 'failed', 'aborted', 'tokens in', 'tokens out', 'bill'].map(
        (title) => ({ title, align: 'right' }) as const,
      ),
    ],
    [...models, ['total', totals] as const].map(([name, sums]) => [name, ...cellsOf(sums)]),
  );
}

function cellsOf(sums: LedgerSums): string[] {
  const { calls, answered, failed, aborted, input_tokens, output_tokens, cost_nanos } = sums;
  return [...[calls, answered, failed, aborted, input_tokens, output_tokens].map(formatCount), formatUsd(cost_nanos)];
}
