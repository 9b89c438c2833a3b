import { describe, expect, test } from 'vitest';
import { featuresOf, lacksOf } from '../../src/domain/features.ts';
import type { PromptJob } from '../../src/domain/job.ts';
import { createRouter, whyEmpty } from '../../src/router/index.ts';
import { configOf, knowledgeWith } from './router-fixture.ts';

const PRICE = { input: 1, output: 2 };
const ABLE = { price: PRICE, capabilities: ['tools', 'json', 'vision'] as ('tools' | 'json' | 'vision')[] };

const router = createRouter(
  configOf({
    providers: {
      chat: { base_url: 'https://chat.test/v1' },
      gemini: { kind: 'google', base_url: 'https://gemini.test/v1beta' },
    },
    models: { flash: { provider: 'gemini', id: 'flash', ...ABLE }, mini: { provider: 'chat', id: 'mini', ...ABLE } },
    tasks: {},
  }),
);
const TOOLS = [{ type: 'function' as const, function: { name: 'look_up' } }];

function imageJob(url: string): PromptJob {
  return { messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url } }] }] };
}

describe('a request that not every API has words for', () => {
  test.each<[string, PromptJob, string]>([
    ['an image by its address', imageJob('https://images.test/cat.png'), 'image-url'],
    [
      'tools along with a JSON answer',
      { prompt: 'x', tools: TOOLS, response_format: { type: 'json_object' } },
      'tools-with-json',
    ],
    ['one tool at a time', { prompt: 'x', tools: TOOLS, parallel_tool_calls: false }, 'single-tool-call'],
  ])('leaves out the models that would not be told: %s', (_, job, feature) => {
    const route = router.route(router.question(job), knowledgeWith());
    expect(route.chain.map(({ model }) => model.alias)).toEqual(['mini']);
    expect(route.dropped).toEqual([{ alias: 'flash', reason: 'untranslatable', limit: feature }]);
  });

  test.each<[string, PromptJob]>([
    ['an image in the request itself', imageJob('data:image/png;base64,iVBORw0KGgo=')],
    ['tools alone', { prompt: 'x', tools: TOOLS }],
    ['a JSON answer alone', { prompt: 'x', response_format: { type: 'json_object' } }],
    ['one tool at a time, without tools', { prompt: 'x', parallel_tool_calls: false }],
  ])('does not concern %s', (_, job) => {
    expect(router.route(router.question(job), knowledgeWith()).chain).toHaveLength(2);
  });

  test.each([
    ['claude-haiku-5-5', []],
    ['claude-opus-5-4', []],
    ['claude-opus-5-5', ['forced-tool']],
    ['claude-sonnet-5-5', ['forced-tool']],
    ['claude-fable-5-1', ['forced-tool']],
    ['claude-mythos-preview', ['forced-tool']],
  ])('is told by the id of a model that refuses what its API has words for: %s', (id, more) => {
    expect(lacksOf('anthropic', id)).toEqual(['blank-stop', ...more]);
  });

  test.each([
    ['a tool that has to be called', { tools: TOOLS, tool_choice: 'required' }, ['forced-tool']],
    ['a tool that may be called', { tools: TOOLS, tool_choice: 'auto' }, []],
    ['a line break that ends the answer', { stop: ['END', '\n'] }, ['blank-stop']],
    ['a word that ends the answer', { stop: 'END' }, []],
  ] as const)('is found in %s', (_, parameters, features) => {
    expect(featuresOf([], structuredClone(parameters) as object)).toEqual(features);
  });

  test('is named when nothing is left', () => {
    const question = router.question({ ...imageJob('https://images.test/cat.png'), model: 'flash' });
    const route = router.route(question, knowledgeWith());
    expect(whyEmpty(route, question)).toBe('no model is left whose API has words for all of the request: image-url');
  });
});
