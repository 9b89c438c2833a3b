import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import type { ModelSpec } from '../../src/domain/model.ts';
import { readAnthropicRequest } from '../../src/domain/native/anthropic/request.ts';
import type { ContentPart, Message, SamplingParameters } from '../../src/domain/request.ts';
import { createAnthropicDialect } from '../../src/providers/anthropic/dialect.ts';

const word = fc.stringMatching(/^[a-zé"\\{} ]{0,12}[a-z]$/);
const id = fc.stringMatching(/^[a-zA-Z][\w-]{0,11}$/);
const textPart = word.map((text): ContentPart => ({ type: 'text', text }));
const imagePart = fc
  .oneof(
    fc.constant('https://example.com/a.png'),
    fc.base64String({ minLength: 4 }).map((data) => `data:image/png;base64,${data}`),
  )
  .map((url): ContentPart => ({ type: 'image_url', image_url: { url } }));
const parts = fc.array(fc.oneof(textPart, imagePart), { minLength: 1, maxLength: 4 });
const said = fc.oneof(word, parts);
const texts = fc.oneof(word, fc.array(textPart, { minLength: 2, maxLength: 3 }));

const toolCall = fc.record({
  id,
  type: fc.constant('function' as const),
  function: fc.record({
    name: id,
    arguments: fc.dictionary(id, fc.oneof(word, fc.integer(), fc.boolean())).map((input) => JSON.stringify(input)),
  }),
});

/** A turn of the assistant and one of the user after it; with calls of tools, their results first. */
const exchange = fc.oneof(
  fc.tuple(texts, said).map(([answer, next]): Message[] => [
    { role: 'assistant', content: answer },
    { role: 'user', content: next },
  ]),
  fc
    .tuple(
      fc.option(texts),
      fc.array(fc.tuple(toolCall, said), { minLength: 1, maxLength: 3 }),
      fc.option(fc.oneof(word, fc.array(textPart, { minLength: 2, maxLength: 3 }))),
    )
    .map(([content, calls, next]): Message[] => [
      { role: 'assistant', content, tool_calls: calls.map(([call]) => call) },
      ...calls.map(([call, told]): Message => ({ role: 'tool', tool_call_id: call.id, content: told })),
      ...(next === null ? [] : [{ role: 'user' as const, content: next }]),
    ]),
);

const conversation = fc
  .tuple(fc.option(texts), said, fc.array(exchange, { maxLength: 3 }))
  .map(([system, first, exchanges]): Message[] => [
    ...(system === null ? [] : [{ role: 'system' as const, content: system }]),
    { role: 'user', content: first },
    ...exchanges.flat(),
  ]);

const schema = fc.uniqueArray(id, { minLength: 1, maxLength: 3 }).map((names) => ({
  type: 'object',
  properties: Object.fromEntries(names.map((name) => [name, { type: 'string' }])),
  required: names,
  additionalProperties: false,
}));

/** What both can say; a choice among tools goes along with tools. */
const parameters = fc
  .record({
    sampling: fc.record({ temperature: fc.double({ min: 0, max: 1, noNaN: true }) }, { requiredKeys: [] }),
    stop: fc.record({ stop: fc.array(word, { minLength: 1, maxLength: 4 }) }, { requiredKeys: [] }),
    format: fc.option(schema),
    tools: fc.option(fc.uniqueArray(id, { minLength: 1, maxLength: 3 })),
    choice: fc.constantFrom('auto', 'none', 'required', 'named'),
    isSingle: fc.boolean(),
  })
  .map(({ sampling, stop, format, tools, choice, isSingle }): SamplingParameters => ({
    ...sampling,
    ...stop,
    ...(format === null
      ? {}
      : { response_format: { type: 'json_schema', json_schema: { name: 'response', schema: format } } }),
    ...(tools === null
      ? {}
      : {
          tools: tools.map((name) => ({
            type: 'function' as const,
            function: { name, description: 'It looks.', parameters: { type: 'object', properties: {} } },
          })),
          tool_choice:
            choice === 'named' ? { type: 'function' as const, function: { name: tools[0] ?? '' } } : (choice as 'auto'),
          ...(isSingle && choice !== 'none' ? { parallel_tool_calls: false } : {}),
        }),
  }));

const MODEL: ModelSpec = {
  alias: 'haiku',
  provider: 'anthropic',
  id: 'claude-haiku-4-5',
  price: { inputPicosPerToken: 0, outputPicosPerToken: 0 },
  priceSource: 'config',
  contextTokens: 200_000,
  maxOutputTokens: 8_000,
  capabilities: new Set(),
  tier: 'small',
  scores: new Map(),
  defaultScore: 0.5,
  latencyMs: { p50: 1, p95: 1 },
  family: 'haiku',
  weight: 1,
  lacks: new Set(),
  limits: {},
  request: { omit: [] },
};

it('a request is the same after the way to Anthropic’s words and back', () => {
  const dialect = createAnthropicDialect('anthropic', {});
  fc.assert(
    fc.property(conversation, parameters, fc.integer({ min: 1, max: 8_000 }), (messages, asked, maxTokens) => {
      const request = { messages, maxTokens, parameters: asked };
      const { body } = dialect.toRequest(MODEL, request, { stream: false });
      expect(readAnthropicRequest(JSON.parse(JSON.stringify(body)))).toEqual({
        ok: true,
        value: { ...asked, messages, max_tokens: maxTokens, model: MODEL.id },
      });
    }),
    { numRuns: 300 },
  );
});
