// An app that puts a prompt job into the queue and awaits its result. Somebody else runs it:
//
//   npx sluice sim                          in a first terminal: the simulated provider
//   node examples/worker-in-app.ts          in a second one
//   node examples/enqueue-and-await.ts      here
import { formatUsd, GatewayError, Producer } from 'sluice';
import { config, openRedis } from './setup.ts';

const redis = await openRedis();
const producer = new Producer({ config, redis: redis.target });
try {
  const { id } = await producer.enqueue({
    // With an id of its own, a job is run once however often it is enqueued.
    id: 'planets-1',
    task: 'simple',
    prompt: 'Which planet of the solar system has the shortest day? Answer with the name only.',
    max_tokens: 16,
    max_cost_usd: 0.01,
    max_latency_ms: 10_000,
    deadline_ms: 30_000,
    user: 'user-17',
  });
  const result = await producer.waitFor(id, { timeoutMs: 30_000 });
  if (result.status === 'completed') console.log(`${result.model} answered: ${result.completion.content}`);
  else console.log(`no answer, ${result.error.code}: ${result.error.message}`);
  for (const { model, outcome, cost_nanos: costNanos, latency_ms: latencyMs } of result.attempts) {
    console.log(`  ${model}: ${outcome}, ${formatUsd(costNanos)}, ${latencyMs} ms`);
  }
} catch (error) {
  // A job that was refused, or has not ended within the time-out: then it goes on, and can be awaited again.
  if (!(error instanceof GatewayError)) throw error;
  console.error(`${error.code}: ${error.message}`);
  process.exitCode = 1;
} finally {
  await producer.close();
  await redis.close();
}
