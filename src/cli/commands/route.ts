import { Command, Option } from 'commander';
import type { Config } from '../../domain/config.ts';
import { InputError } from '../../domain/errors.ts';
import { formatProblem } from '../../domain/issues.ts';
import { messagesOf, type QueuedJob, Strategy } from '../../domain/job.ts';
import { prepareJob } from '../../producer/intake.ts';
import { defaultLane } from '../../producer/producer.ts';
import { decisionOf, loadTokenCounter } from '../../router/index.ts';
import { openRouter } from '../../workers/open-router.ts';
import { requireConfigWithoutKeys } from '../config-view.ts';
import { type Context, contextOf } from '../context.ts';
import { EXIT } from '../failure.ts';
import { SLUICE } from '../invocation.ts';
import { readLiveObservations } from '../live-observations.ts';
import { parseCount, parseUsd } from '../options.ts';
import { describeDecision, explainJob } from '../route/past-decisions.ts';
import { factsOf, printDecision } from '../route/view.ts';

type Options = {
  task?: string;
  model?: string;
  strategy?: Strategy;
  maxCostUsd?: number;
  maxLatencyMs?: number;
  maxTokens?: number;
  account?: string;
  user?: string;
  explain?: string | true;
  json?: boolean;
};

export const routeCommand = new Command('route')
  .description('which models a prompt would be tried on, in which order and why; calls nobody')
  .argument('[prompt]', 'the prompt')
  .option('--task <name>', 'what kind of work it is')
  .option('--model <name>', 'only this model')
  .addOption(new Option('--strategy <name>', 'how the models are ranked').choices(Strategy.options))
  .option('--max-cost-usd <usd>', 'what one call may cost at the most', parseUsd)
  .option('--max-latency-ms <ms>', 'how long one call may take', parseCount)
  .option('--max-tokens <n>', 'tokens that the answer may have', parseCount)
  .option('--account <name>', 'who pays; decides which budgets cover it')
  .option('--user <id>', 'whose job it is; decides the variant of an experiment')
  .option('--explain [job]', 'the decision as usage records keep it; without a prompt, that of a job of the queue')
  .option('--json', 'one JSON object')
  .addHelpText(
    'after',
    `
Examples:
  $ ${SLUICE} route "Write a binary search in Go" --task coding --max-cost-usd 0.01
  $ ${SLUICE} route --explain my-eval-12`,
  )
  .action(async (prompt: string | undefined, options: Options, command: Command) => {
    const context = contextOf(command);
    const { explain } = options;
    if (prompt !== undefined && typeof explain !== 'string') await routePrompt(context, prompt, options);
    else if (prompt === undefined && typeof explain === 'string')
      await explainJob(context, explain, options.json === true);
    else throw new InputError('give a prompt to route, or --explain with the id of a job');
  });

async function routePrompt(context: Context, prompt: string, options: Options): Promise<void> {
  const config = requireConfigWithoutKeys(context);
  const job = toJob(prompt, options, config);
  const router = openRouter(config);
  const observations = await readLiveObservations(context, config);
  // What a person asks about is the best that is known, not a draw.
  const question = router.question(job, { mayExplore: false });
  const { latencies, closedUntil, throttledUntil, evidence, experiments } = observations;
  const benchedUntil = new Map([...throttledUntil, ...closedUntil]);
  const known = { latencies, benchedUntil, evidence, ...experiments };
  const route = router.route(question, { now: Date.now(), random: Math.random, ...known });
  const description = route.task === null ? undefined : config.tasks[route.task]?.description;
  const countedTokens = (await loadTokenCounter())(messagesOf(job), job);
  const decision = { route, question, countedTokens, observations, description };
  const record = options.explain === true ? decisionOf(route, question, {}) : undefined;
  if (options.json) context.print(JSON.stringify({ ...factsOf(decision), ...(record && { decision: record }) }));
  else printDecision(context, decision);
  if (record && !options.json) for (const line of ['', ...describeDecision(record)]) context.print(line);
  if (route.chain.length === 0) process.exitCode = EXIT.someFailed;
}

function toJob(prompt: string, options: Options, config: Config): QueuedJob {
  const { task, model, strategy, account, user } = options;
  const fields = {
    prompt,
    task,
    model,
    strategy,
    account,
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
