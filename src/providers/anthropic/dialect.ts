import { z } from 'zod';
import type { ProviderConfig } from '../../domain/provider-config.ts';
import { readCompletion } from './answer.ts';
import { asksJsonByTool, toMessagesBody } from './request.ts';
import { createMessageAssembly } from './stream.ts';
import type { Dialect } from '../provider.ts';

/** Not the newest one, which takes no temperature, not even for models that do. */
const VERSION = '2023-06-01';

const ModelList = z.object({ data: z.array(z.object({ id: z.string() })) });

/** Anthropic's Messages API (https://platform.claude.com/docs/en/api/messages), and servers that copy it. */
export function createAnthropicDialect(provider: string, { anthropic }: Pick<ProviderConfig, 'anthropic'>): Dialect {
  const version = anthropic?.version ?? VERSION;
  return {
    authorization: (apiKey) => ({ 'x-api-key': apiKey }),
    headers: {
      'anthropic-version': version,
      ...(anthropic?.beta === undefined ? {} : { 'anthropic-beta': anthropic.beta.join(',') }),
    },
    probePath: '/models?limit=1000',
    modelIdsIn(body) {
      const list = ModelList.safeParse(body);
      // A dated model answers to its name without the date, too.
      return list.data?.data.flatMap(({ id }) => [...new Set([id, id.replace(/-\d{8}$/, '')])]);
    },
    toRequest: (model, request, { stream }) => ({
      path: '/messages',
      body: toMessagesBody(model, request, { stream, version }),
    }),
    toCompletion: (body) => readCompletion(provider, body),
    createAssembly: ({ model, request }) => createMessageAssembly(provider, asksJsonByTool(model, request, version)),
  };
}
