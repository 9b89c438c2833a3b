import { fastify } from 'fastify';
import { expect, test } from 'vitest';
import { Config } from '../../src/domain/config.ts';
import type { Caller } from '../../src/gateway/caller.ts';
import { addModels } from '../../src/gateway/models.ts';
import type { GatewayTools } from '../../src/gateway/tools.ts';

const model = { provider: 'p', id: 'x', price: { input: 1, output: 1 } };
const config = Config.parse({
  providers: { p: { base_url: 'https://example.com/v1' } },
  models: { small: model, large: model, vectors: { ...model, capabilities: ['embeddings'] } },
  tasks: { coding: { models: ['large', 'small'] }, search: { models: ['vectors'] }, nightly: { lane: 'batch' } },
});

function serve(models?: readonly string[]) {
  const app = fastify();
  app.decorateRequest('caller');
  app.addHook('onRequest', async (request) => {
    request.caller = { account: 'a', ...(models && { models }) } satisfies Caller;
  });
  // The list needs nothing else.
  addModels(app, { config } as GatewayTools);
  return app;
}

async function listed(models?: readonly string[]): Promise<string[]> {
  const { data } = (await serve(models).inject('/v1/models')).json<{ data: { id: string }[] }>();
  return data.map(({ id }) => id);
}

const AUTO = ['', ':cheap', ':fast', ':best', ':balanced'].map((way) => `sluice/auto${way}`);
const TASKS = ['coding', 'search', 'nightly'].map((task) => `sluice/task/${task}`);

test('the list has everything for a caller who may use everything', async () => {
  expect(await listed()).toEqual(['small', 'large', 'vectors', ...AUTO, ...TASKS]);
});

test('a task for which a key has no model is not in its list, nor found by its name', async () => {
  expect(await listed(['small'])).toEqual(['small', ...AUTO, 'sluice/task/coding', 'sluice/task/nightly']);
  expect(await listed(['vectors'])).toEqual(['vectors', ...AUTO, 'sluice/task/search', 'sluice/task/nightly']);
  const { statusCode } = await serve(['small']).inject('/v1/models/sluice/task/search');
  expect(statusCode).not.toBe(200);
  expect((await serve(['small']).inject('/v1/models/sluice/task/coding')).statusCode).toBe(200);
});

test('a key whose models are gone is not told of the choice among them', async () => {
  expect(await listed(['removed'])).toEqual([]);
});
