import { Config } from '../src/domain/config.ts';
import type { Knowledge, RouteQuestion } from '../src/router/index.ts';
import { createRouter } from '../src/router/index.ts';

/**
 * How long one routing decision takes, in microseconds: every strategy that ranks by measures, with and without a task,
 * with limits and observed latencies, over catalogues of 10 and 400 models. Run by itself: `node bench/route.ts`.
 */

const WARM_UP_CALLS = 5_000;
const MEASURED_CALLS = 20_000;
const NOW = Date.UTC(2026, 0, 1);

export type RouteBenchRow = { models: 10 | 400; p50Us: number; p99Us: number };

export function benchRoute(): RouteBenchRow[] {
  return ([10, 400] as const).map((models) => ({ models, ...measure(models) }));
}

function measure(modelCount: number): { p50Us: number; p99Us: number } {
  const config = configOf(modelCount);
  const router = createRouter(config);
  const questions = questionsFor(router.question);
  const knowledge = knowledgeOf(Object.keys(config.models));
  const durationsNs = new Float64Array(MEASURED_CALLS);
  let chosen = 0;
  for (let call = -WARM_UP_CALLS; call < MEASURED_CALLS; call += 1) {
    const question = questions[Math.abs(call) % questions.length] as RouteQuestion;
    const startedAt = process.hrtime.bigint();
    const route = router.route(question, knowledge);
    const elapsedNs = Number(process.hrtime.bigint() - startedAt);
    chosen += route.chain.length;
    if (call >= 0) durationsNs[call] = elapsedNs;
  }
  if (chosen === 0) throw new Error('no question found a model: the benchmark measures nothing');
  durationsNs.sort();
  const percentileUs = (share: number): number => (durationsNs[Math.floor(MEASURED_CALLS * share)] ?? 0) / 1_000;
  return { p50Us: percentileUs(0.5), p99Us: percentileUs(0.99) };
}

function configOf(modelCount: number): Config {
  const models = Object.fromEntries(
    Array.from({ length: modelCount }, (_, index) => [
      `model-${index}`,
      {
        provider: index % 2 === 0 ? 'east' : 'west',
        id: `vendor/model-${index}`,
        price: { input: 0.05 * (1 + (index % 37)), output: 0.2 * (1 + (index % 41)) },
        capabilities: index % 3 === 0 ? ['tools', 'json'] : ['json'],
        tier: (['small', 'medium', 'large'] as const)[index % 3],
        scores: { coding: (index % 29) / 29, simple: (index % 31) / 31, default: (index % 23) / 23 },
      },
    ]),
  );
  return Config.parse({
    providers: { east: { base_url: 'https://east.test/v1' }, west: { base_url: 'https://west.test/v1' } },
    models,
    tasks: { coding: {}, simple: {} },
    experiments: { weights: { tasks: ['simple'], variants: { a: {}, b: { strategy: 'task' } } } },
  });
}

function questionsFor(ask: ReturnType<typeof createRouter>['question']): RouteQuestion[] {
  const prompt = 'Compare the two designs below, step by step, and say which one must be built first.\n'.repeat(12);
  return [
    ask({ prompt, task: 'coding' }),
    ask({ prompt, task: 'coding', max_cost_usd: 0.003, max_latency_ms: 9_000 }),
    ask({ prompt, task: 'simple', user: 'user-1' }),
    ask({ prompt, task: 'coding', strategy: 'cost' }, { tried: ['model-1', 'model-2'] }),
    ask({ prompt, task: 'coding', response_format: { type: 'json_object' } }),
    ask({ prompt }),
  ];
}

function knowledgeOf(aliases: readonly string[]): Knowledge {
  const latencies = aliases.map(
    (alias, index) => [alias, { p50: 300 + 7 * index, p95: 900 + 31 * index, count: index % 100 }] as const,
  );
  return {
    now: NOW,
    random: () => 0.5,
    latencies: new Map(latencies.filter((_, index) => index % 4 !== 0)),
    benchedUntil: new Map([['model-5', NOW + 60_000]]),
  };
}

if (import.meta.main) {
  for (const { models, p50Us, p99Us } of benchRoute()) {
    console.log(`${models} models: p50 ${p50Us.toFixed(1)} us, p99 ${p99Us.toFixed(1)} us`);
  }
}
