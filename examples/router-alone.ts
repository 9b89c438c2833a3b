// The router alone: which models would be asked, in which order and why. No Redis, no provider, no key.
//
//   node examples/router-alone.ts
import { Config } from 'sluice';
import { createRouter, explainRoute } from 'sluice/router';

const provider = 'openrouter';
const router = createRouter(
  Config.parse({
    providers: { [provider]: { base_url: 'https://openrouter.ai/api/v1' } },
    models: {
      nano: { provider, id: 'openai/gpt-5-nano', price: { input: 0.05, output: 0.4 }, tier: 'small' },
      haiku: {
        provider,
        id: 'anthropic/claude-haiku-4.5',
        price: { input: 1, output: 5 },
        scores: { default: 0.8 },
        latency: { p50: '1500ms', p95: '6s' },
      },
      sonnet: {
        provider,
        id: 'anthropic/claude-sonnet-5',
        price: { input: 2, output: 10 },
        tier: 'large',
        scores: { default: 0.9, coding: 0.95 },
      },
    },
    tasks: { coding: { weights: { quality: 0.9, cost: 0.1, latency: 0 } } },
  }),
);

// What is known now is handed in, so that a decision can be replayed: nothing is read from a clock or drawn by chance.
const knowledge = {
  now: Date.UTC(2026, 10, 22),
  random: () => 0.5,
  latencies: new Map([['haiku', { p50: 400, p95: 900, count: 100 }]]),
  benchedUntil: new Map<string, number>(),
};

for (const job of [
  { prompt: 'Is the sea salty? Yes or no.', max_tokens: 8 },
  { prompt: 'Write a binary search in Go.', task: 'coding', max_tokens: 500 },
  { prompt: 'Write a binary search in Go.', task: 'coding', max_tokens: 500, max_cost_usd: 0.003 },
]) {
  const route = router.route(router.question(job), knowledge);
  console.log(`\n${JSON.stringify(job)}`);
  for (const line of explainRoute(route)) console.log(`  ${line}`);
}
