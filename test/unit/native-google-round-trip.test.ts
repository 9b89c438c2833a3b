import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { readGoogleRequest } from '../../src/domain/native/google/request.ts';
import type { ChatRequest, Message, SamplingParameters } from '../../src/domain/request.ts';
import { createGoogleDialect } from '../../src/providers/google/dialect.ts';
import { MODEL } from '../support/upstream.ts';

/** What both can say in exactly one way: no two turns of one side in a row, no penalties. */
const text = fc.string({ minLength: 1 });
const name = fc.stringMatching(/^[a-z_]{1,8}$/);
const part = fc.oneof(
  fc.record({ type: fc.constant('text' as const), text }),
  fc.record({
    type: fc.constant('image_url' as const),
    image_url: fc.record({ url: fc.base64String().map((data) => `data:image/png;base64,${data}`) }),
  }),
);
const content = fc.oneof(text, fc.array(part, { minLength: 2, maxLength: 4 }));
const object = fc
  .dictionary(name, fc.jsonValue({ maxDepth: 1 }))
  .map((value) => JSON.stringify(value))
  // No job may hold that name.
  .filter((json) => !json.includes('"__proto__"'))
  .map((json) => JSON.parse(json) as object);

const exchange = fc
  .record({
    asked: content,
    said: fc.option(content),
    calls: fc.array(fc.tuple(name, object), { maxLength: 3 }),
    result: text,
  })
  .map(({ asked, said, calls, result }): ((turn: number) => Message[]) => (turn) => {
    const toolCalls = calls.map(([called, args], index) => ({
      id: `c${turn}.${index}`,
      type: 'function' as const,
      function: { name: called, arguments: JSON.stringify(args) },
    }));
    if (said === null && toolCalls.length === 0)
      return [
        { role: 'user', content: asked },
        { role: 'assistant', content: 'Yes.' },
      ];
    return [
      { role: 'user', content: asked },
      {
        role: 'assistant',
        ...(said === null ? {} : { content: said }),
        ...(toolCalls.length === 0 ? {} : { tool_calls: toolCalls }),
      },
      ...toolCalls.map(({ id }): Message => ({ role: 'tool', content: result, tool_call_id: id })),
      ...(toolCalls.length === 0 ? [] : [{ role: 'assistant', content: 'Done.' } as const]),
    ];
  });

const parameters = fc.record(
  {
    temperature: fc.double({ min: 0, max: 2, noNaN: true }),
    top_p: fc.double({ min: 0, max: 1, noNaN: true }),
    seed: fc.integer(),
    stop: fc.array(text, { minLength: 1, maxLength: 4 }),
    reasoning_effort: fc.constantFrom('low', 'medium', 'high'),
    response_format: fc.oneof(
      fc.constant({ type: 'json_object' }),
      object.map((schema) => ({ type: 'json_schema', json_schema: { name: 'response', schema } })),
    ),
    tools: fc.array(
      fc.record({
        type: fc.constant('function'),
        function: fc.record({ name, description: text, parameters: object }, { requiredKeys: ['name'] }),
      }),
      { minLength: 1, maxLength: 3 },
    ),
  },
  { requiredKeys: [] },
) as fc.Arbitrary<SamplingParameters>;

test('what is said to Google is read as what was meant', () => {
  const dialect = createGoogleDialect('google');
  const model = { ...MODEL, id: 'gemini-3.8-flash' };
  fc.assert(
    fc.property(fc.option(content), fc.array(exchange), content, parameters, (system, exchanges, last, sampling) => {
      const isText = typeof system === 'string' || system?.every((piece) => piece.type === 'text');
      const messages: Message[] = [
        ...(system !== null && isText ? [{ role: 'system', content: system } as const] : []),
        ...exchanges.flatMap((toMessages, turn) => toMessages(turn)),
        { role: 'user', content: last },
      ];
      const request: ChatRequest = { messages, maxTokens: 9, parameters: sampling };
      const { body } = dialect.toRequest(model, request, { stream: false });
      const sent = JSON.parse(JSON.stringify(body)) as object;
      expect(readGoogleRequest(sent)).toEqual({ ok: true, value: { messages, max_tokens: 9, ...sampling } });
    }),
  );
});
