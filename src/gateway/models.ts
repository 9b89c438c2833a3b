import type { FastifyInstance } from 'fastify';
import type { Config } from '../domain/config.ts';
import type { Caller } from './caller.ts';
import { AUTO, TASK_PREFIX, unknownModel, WAYS } from './model-names.ts';
import type { GatewayTools } from './tools.ts';

/** `GET /v1/models` and `GET /v1/models/NAME`: what may stand in a request's `model`, in OpenAI's shape with OpenRouter's fields. */
export function addModels(app: FastifyInstance, { config }: GatewayTools): void {
  const created = Math.floor(Date.now() / 1_000);
  app.get('/v1/models', (request, reply) => {
    const data = modelsFor(request.caller, config, created);
    // Anthropic's clients page through the list.
    const [first_id = null, last_id = null] = [data[0]?.id, data.at(-1)?.id];
    return reply.send({ object: 'list', data, has_more: false, first_id, last_id });
  });
  app.get<{ Params: { '*': string } }>('/v1/models/*', (request, reply) => {
    const name = request.params['*'];
    const models = modelsFor(request.caller, config, created);
    const model = models.find(({ id }) => id === name);
    if (model) return reply.send(model);
    throw unknownModel(
      name,
      models.map(({ id }) => id),
    );
  });
}

type ListedModel = { id: string; object: 'model'; created: number; owned_by: string };

/** What the caller may name: without tasks, and without the router's choice, for which its key has no model. */
function modelsFor({ models: allowed }: Caller, config: Config, created: number): ListedModel[] {
  const isUsable = (alias: string): boolean => allowed?.includes(alias) ?? true;
  const aliases = Object.keys(config.models).filter(isUsable);
  const tasks = Object.entries(config.tasks).filter(([, { models }]) => models?.some(isUsable) ?? aliases.length > 0);
  const routed = [
    ...(aliases.length > 0 ? [AUTO, ...Object.keys(WAYS).map((way) => `${AUTO}:${way}`)] : []),
    ...tasks.map(([task]) => TASK_PREFIX + task),
  ];
  return [
    ...aliases.map((alias) => listedModel(alias, config, created)),
    ...routed.map((id) => routedModel(id, config, created)),
  ];
}

function listedModel(alias: string, { models }: Config, created: number): ListedModel {
  const model = models[alias];
  if (model === undefined) throw new Error(`no model "${alias}" in the configuration`);
  const { provider, id, price, context, max_output, capabilities } = model;
  const inputs = capabilities.includes('vision') ? ['text', 'image'] : ['text'];
  const isEmbedding = capabilities.includes('embeddings');
  const entry = {
    ...head(alias, provider, created),
    pinned_id: id,
    ...(context !== undefined && { context_length: context }),
    ...(!isEmbedding && { top_provider: { max_completion_tokens: max_output } }),
    architecture: { input_modalities: inputs, output_modalities: [isEmbedding ? 'embeddings' : 'text'] },
    ...(price && { pricing: { prompt: perToken(price.input), completion: perToken(price.output) } }),
    capabilities,
  };
  return entry;
}

function routedModel(id: string, { tasks }: Config, created: number): ListedModel {
  const task = id.startsWith(TASK_PREFIX) ? tasks[id.slice(TASK_PREFIX.length)] : undefined;
  return { ...head(id, 'sluice', created), ...(task?.description !== undefined && { description: task.description }) };
}

/** `type`, `display_name` and `created_at` are for Anthropic's clients. */
function head(id: string, owner: string, created: number): ListedModel {
  const created_at = new Date(created * 1_000).toISOString();
  const entry = { id, object: 'model' as const, created, owned_by: owner, name: id, type: 'model', display_name: id };
  return Object.assign(entry, { created_at });
}

/** OpenRouter gives prices in USD a token, as texts. */
function perToken(usdPerMillion: number): string {
  return (usdPerMillion / 1e6).toFixed(12).replace(/\.?0+$/, '') || '0';
}
