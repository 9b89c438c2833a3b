import { Command, Option } from 'commander';
import type { Config } from '../../domain/config.ts';
import { InputError } from '../../domain/errors.ts';
import { formatProblem } from '../../domain/issues.ts';
import { messagesOf, type QueuedJob, Strategy } from '../../domain/job.ts';
import { formatUsd, nanosToUsd } from '../../domain/money.ts';
import { prepareJob } from '../../producer/intake.ts';
import { defaultLane } from '../../producer/producer.ts';
import {
  type Route,
  type RouteQuestion,
  createRouter,
  explainDrop,
  explainRoute,
  loadTokenCounter,
  whyEmpty,
} from '../../router/index.ts';
import { requireConfigWithoutKeys } from '../config-view.ts';
import { type Context, contextOf } from '../context.ts';
import { EXIT } from '../failure.ts';
import { formatCount, formatLatency, styled } from '../format.ts';
import { SLUICE } from '../invocation.ts';
import { type LiveObservations, readLiveObservations } from '../live-observations.ts';
import { parseCount, parseUsd } from '../options.ts';
import { type Column, renderTable } from '../table.ts';

type Options = {
  task?: string;
  model?: string;
  strategy?: Strategy;
  maxCostUsd?: number;
  maxLatencyMs?: number;
  maxTokens?: number;
  user?: string;
  json?: boolean;
};

type Decision = {
  route: Route;
  question: RouteQuestion;
  /** Of the prompt, by OpenAI's tokeniser: workers decide by the estimate, and here a person sees how good that is. */
  countedTokens: number;
  observations: LiveObservations;
  /** The configuration's words for the task. */
  description: string | undefined;
};

export const routeCommand = new Command('route')
  .description('which models a prompt would be tried on, in which order and why; calls nobody')
  .argument('<prompt>', 'the prompt')
  .option('--task <name>', 'what kind of work it is')
  .option('--model <name>', 'only this model')
  .addOption(new Option('--strategy <name>', 'how the models are ranked').choices(Strategy.options))
  .option('--max-cost-usd <usd>', 'what one call may cost at the most', parseUsd)
  .option('--max-latency-ms <ms>', 'how long one call may take', parseCount)
  .option('--max-tokens <n>', 'tokens that the answer may have', parseCount)
  .option('--user <id>', 'whose job it is; decides the variant of an experiment')
  .option('--json', 'one JSON object')
  .addHelpText(
    'after',
    `\nExample:\n  $ ${SLUICE} route "Write a binary search in Go" --task coding --max-cost-usd 0.01`,
  )
  .action(async (prompt: string, options: Options, command: Command) => {
    const context = contextOf(command);
    const config = requireConfigWithoutKeys(context);
    const job = toJob(prompt, options, config);
    const router = createRouter(config);
    const observations = await readLiveObservations(context, config);
    const question = router.question(job);
    const { latencies, closedUntil, throttledUntil } = observations;
    const benchedUntil = new Map([...throttledUntil, ...closedUntil]);
    const route = router.route(question, { now: Date.now(), random: Math.random, latencies, benchedUntil });
    const description = route.task === null ? undefined : config.tasks[route.task]?.description;
    const countedTokens = (await loadTokenCounter())(messagesOf(job), job);
    const decision = { route, question, countedTokens, observations, description };
    if (options.json) context.print(JSON.stringify(toFacts(decision)));
    else printDecision(context, decision);
    if (route.chain.length === 0) process.exitCode = EXIT.someFailed;
  });

function toJob(prompt: string, options: Options, config: Config): QueuedJob {
  const { task, model, strategy, user } = options;
  const fields = {
    prompt,
    task,
    model,
    strategy,
    user,
    max_cost_usd: options.maxCostUsd,
    max_latency_ms: options.maxLatencyMs,
    max_tokens: options.maxTokens,
  };
  const given = Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
  const prepared = prepareJob(given, { config, lane: defaultLane(config), now: Date.now });
  if (prepared.ok) return prepared.job;
  throw new InputError(prepared.problems.map(formatProblem));
}

const COLUMNS: readonly Column[] = [
  { title: '#', align: 'right' },
  { title: 'model' },
  { title: 'score', align: 'right' },
  { title: 'cost', align: 'right' },
  { title: 'at the most', align: 'right' },
  { title: 'latency', align: 'right' },
];
const UTILITY: Column = { title: 'utility', align: 'right' };

function printDecision(context: Context, decision: Decision): void {
  const { route, question, observations } = decision;
  context.note(describeQuestion(decision));
  context.note(observations.isLive ? `latencies from ${observations.source}` : describeAbsence(observations));
  context.note('');
  if (route.chain.length === 0) context.note(`nobody would be asked: ${whyEmpty(route, question)}`);
  else for (const line of tableOf(route)) context.print(line);
  // The explanation has a line for each model of the chain, and after them one for each that was left out.
  for (const line of explainRoute(route).slice(route.chain.length)) context.print(line);
}

const bold = (titles: string): string => styled('bold', titles);

function describeQuestion({ route, question, countedTokens, description }: Decision): string {
  const { quality, cost, latency } = route.weights;
  const strategy =
    route.strategy === 'hybrid' ? `hybrid (quality ${quality}, cost ${cost}, latency ${latency})` : route.strategy;
  const work =
    route.task === null ? 'no task' : `task ${route.task}${description === undefined ? '' : ` (${description})`}`;
  const looks = route.tier === undefined ? '' : `, looks like work for a ${route.tier} model`;
  const variant = route.variant === undefined ? '' : `; experiment ${route.variant}`;
  const { expected, bound } = question.inputTokens;
  const counted = `${formatCount(countedTokens)} by OpenAI's tokeniser, ${formatCount(bound)} at the most`;
  const tokens = `about ${formatCount(expected)} prompt tokens (${counted})`;
  return `${work}${looks}; strategy ${strategy}${variant}; ${tokens}, up to ${formatCount(question.maxTokens)} for the answer`;
}

function describeAbsence({ source }: LiveObservations): string {
  return `latencies from the configuration: ${source}`;
}

function tableOf({ chain, strategy }: Route): string[] {
  // Any other strategy ranks by what stands in a column already, or by chance.
  const isWeighed = strategy === 'hybrid';
  const rows = chain.map(({ model, predicted, boundNanos, utility }, index) => [
    String(index + 1),
    model.alias,
    predicted.score.toFixed(2),
    formatUsd(predicted.costNanos),
    formatUsd(boundNanos),
    formatLatency(predicted.latencyMs),
    ...(isWeighed ? [utility.toFixed(3)] : []),
  ]);
  return renderTable([...COLUMNS, ...(isWeighed ? [UTILITY] : [])], rows, bold);
}

function toFacts({ route, question, countedTokens, observations }: Decision): object {
  return {
    task: route.task,
    strategy: route.strategy,
    weights: route.weights,
    ...(route.tier === undefined ? {} : { tier: route.tier }),
    ...(route.variant === undefined ? {} : { variant: route.variant }),
    input_tokens: { ...question.inputTokens, openai: countedTokens },
    max_tokens: question.maxTokens,
    live_observations: observations.isLive,
    chain: route.chain.map(({ model, maxTokens, predicted, boundNanos, utility }) => ({
      model: model.alias,
      provider: model.provider,
      model_id: model.id,
      score: predicted.score,
      cost_usd: nanosToUsd(predicted.costNanos),
      max_cost_usd: nanosToUsd(boundNanos),
      latency_ms: Math.round(predicted.latencyMs),
      max_tokens: maxTokens,
      utility: Number(utility.toPrecision(6)),
    })),
    also_eligible: route.alsoEligible.map(({ model }) => model.alias),
    dropped: route.dropped.map((drop) => ({ model: drop.alias, reason: drop.reason, explanation: explainDrop(drop) })),
  };
}
