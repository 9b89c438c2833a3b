import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ModelSpec } from '../../src/domain/model.ts';
import type { ChatRequest, Message } from '../../src/domain/request.ts';
import type { Completion } from '../../src/domain/result.ts';
import { createGoogleDialect } from '../../src/providers/google/dialect.ts';
import { CANARY, MODEL, REQUEST } from '../support/upstream.ts';
import { type GoogleAnswer, googleAnswer, MODEL_ID } from './cases/google-wire.ts';
import { errorOf } from './google-error.ts';

const dialect = createGoogleDialect('upstream');

type Body = {
  contents: { role: string; parts: object[] }[];
  systemInstruction?: object;
  generationConfig: Record<string, unknown>;
};

function requestOf(
  { id = MODEL_ID, ...own }: { id?: string } & Partial<ModelSpec['request']>,
  request: Partial<ChatRequest> = {},
  stream = false,
): { path: string; body: Body } {
  const model = { ...MODEL, id, request: { ...MODEL.request, ...own } };
  const { path, body } = dialect.toRequest(model, { ...REQUEST, ...request }, { stream });
  return { path, body: body as Body };
}

function completionOf(answer: GoogleAnswer, headers: Record<string, string> = {}): Completion {
  return dialect.toCompletion(answer, headers);
}

describe('the address', () => {
  test.each([
    ['gemini-3.8-flash', '/models/gemini-3.8-flash'],
    ['models/gemini-3.8-flash', '/models/gemini-3.8-flash'],
    ['tunedModels/ours-1', '/tunedModels/ours-1'],
    ['odd id?x#y', '/models/odd%20id%3Fx%23y'],
  ])('of %s is %s', (id, path) => {
    expect(requestOf({ id }).path).toBe(`${path}:generateContent`);
    expect(requestOf({ id }, {}, true).path).toBe(`${path}:streamGenerateContent?alt=sse`);
  });

  test('never holds the key', () => {
    expect(dialect.authorization(CANARY.key)).toEqual({ 'x-goog-api-key': CANARY.key });
  });
});

test('the ids of the models are those by which they are asked for', () => {
  expect(dialect.modelIdsIn({ models: [{ name: 'models/gemini-3.8-flash', version: '001' }] })).toEqual([MODEL_ID]);
  expect(dialect.modelIdsIn({ object: 'list', data: [] })).toBeUndefined();
});

describe('an effort', () => {
  test.each([
    ['gemini-3.8-flash', 'none', { thinkingLevel: 'LOW' }],
    ['gemini-3.8-flash', 'minimal', { thinkingLevel: 'LOW' }],
    ['gemini-3.8-flash', 'xhigh', { thinkingLevel: 'HIGH' }],
    ['gemini-3.6-flash', 'minimal', { thinkingLevel: 'MINIMAL' }],
    ['gemini-3-flash-preview', 'none', { thinkingLevel: 'MINIMAL' }],
    ['gemini-3.5-flash-lite', 'minimal', { thinkingLevel: 'MINIMAL' }],
    ['gemini-flash-lite-latest', 'minimal', { thinkingLevel: 'MINIMAL' }],
    ['gemini-3.1-pro-preview', 'minimal', { thinkingLevel: 'LOW' }],
    ['gemini-4-argon', 'medium', { thinkingLevel: 'MEDIUM' }],
    ['gemini-2.5-flash', 'none', { thinkingBudget: 0 }],
    ['gemini-2.5-flash-lite', 'low', { thinkingBudget: 1_024 }],
    ['gemini-2.5-pro', 'none', { thinkingBudget: 128 }],
    ['gemini-2.5-pro', 'high', { thinkingBudget: 24_576 }],
    ['gemini-2.0-flash', 'high', undefined],
    ['gemma-4-31b-it', 'high', undefined],
  ] as const)('of %s: %s', (id, reasoning_effort, expected) => {
    const { body } = requestOf({ id }, { maxTokens: 65_536, parameters: { reasoning_effort } });
    expect(body.generationConfig['thinkingConfig']).toEqual(expected);
  });

  test('leaves half of a short answer to be said', () => {
    const { body } = requestOf(
      { id: 'gemini-2.5-flash' },
      { maxTokens: 1_000, parameters: { reasoning_effort: 'high' } },
    );
    expect(body.generationConfig['thinkingConfig']).toEqual({ thinkingBudget: 500 });
  });
});

describe('what the operator says of a model', () => {
  test('is left out', () => {
    const parameters = { temperature: 1, top_p: 0.5, reasoning_effort: 'low', stop: 'x' } as const;
    const { body } = requestOf({ omit: ['temperature', 'top_p', 'reasoning_effort'] }, { parameters });
    expect(body.generationConfig).toEqual({ stopSequences: ['x'], maxOutputTokens: REQUEST.maxTokens });
  });

  test.each([
    ['flex', 'flex'],
    ['priority', 'priority'],
    ['default', undefined],
    ['auto', undefined],
  ] as const)('asks for the tier %s as %s', (service_tier, expected) => {
    expect((requestOf({ service_tier }).body as { serviceTier?: string }).serviceTier).toBe(expected);
  });
});

function image(url: string): Message {
  return { role: 'user', content: [{ type: 'image_url', image_url: { url } }] };
}

describe('a conversation', () => {
  const call = { id: 'c1', type: 'function', function: { name: 'look', arguments: '{}' } } as const;

  test('has an image that a tool brought beside its result', () => {
    const { body } = requestOf(
      {},
      {
        messages: [
          { role: 'assistant', tool_calls: [call] },
          {
            role: 'tool',
            tool_call_id: 'c1',
            content: [
              { type: 'text', text: 'A cat.' },
              { type: 'image_url', image_url: { url: 'data:image/webp;charset=x;base64,UklGRg==' } },
            ],
          },
        ],
      },
    );
    expect(body.contents[1]?.parts).toEqual([
      { functionResponse: { id: 'c1', name: 'look', response: { output: 'A cat.' } } },
      { inlineData: { mimeType: 'image/webp', data: 'UklGRg==' } },
    ]);
  });

  test('has an instruction with an image at its place', () => {
    const parts = [
      { type: 'text', text: 'Like this:' },
      { type: 'image_url', image_url: { url: 'data:image/png;base64,iVBORw==' } },
    ] as const;
    const { body } = requestOf({}, { messages: [{ role: 'system', content: [...parts] }] });
    expect(body).not.toHaveProperty('systemInstruction');
    expect(body.contents).toEqual([
      { role: 'user', parts: [{ text: 'Like this:' }, { inlineData: { mimeType: 'image/png', data: 'iVBORw==' } }] },
    ]);
  });

  test('has a signature at the first call of a step alone, where Gemini 3 looks for it', () => {
    const { body } = requestOf({}, { messages: [{ role: 'assistant', tool_calls: [call, { ...call, id: 'c2' }] }] });
    expect(body.contents[0]?.parts).toEqual([
      {
        functionCall: { id: 'c1', name: 'look', args: {} },
        thoughtSignature: 'skip_thought_signature_validator',
      },
      { functionCall: { id: 'c2', name: 'look', args: {} } },
    ]);
  });

  test.each(['gemini-2.5-flash', 'gemma-4-31b-it'])('has no signature for %s, which knows none', (id) => {
    const { body } = requestOf({ id }, { messages: [{ role: 'assistant', tool_calls: [call] }] });
    expect(body.contents[0]?.parts).toEqual([{ functionCall: { id: 'c1', name: 'look', args: {} } }]);
  });

  test.each<[string, Message[]]>([
    ['an image behind an address', [image('https://example.com/cat.png')]],
    ['an image that is not in base64', [image('data:image/svg+xml,<svg/>')]],
    ['a result of nothing', [{ role: 'tool', tool_call_id: CANARY.prompt, content: CANARY.prompt }]],
  ])('with %s is refused before anything is sent, without a word of it', (_what, messages) => {
    const error = errorOf(() => requestOf({}, { messages }));
    expect(error).toMatchObject({ code: 'REQUEST_REJECTED', details: { provider: 'upstream' } });
    expect(error.details.billUnknown).toBeUndefined();
    expect(error.message).not.toMatch(new RegExp(`${CANARY.prompt}|example|svg`));
  });

  test('has turns that take turns and are never empty, whatever the messages', () => {
    const text = fc.string();
    const message: fc.Arbitrary<Message> = fc.oneof(
      fc.record({ role: fc.constantFrom('system', 'developer', 'user'), content: text }),
      fc.record({ role: fc.constant('assistant'), content: fc.option(text) }),
    );
    fc.assert(
      fc.property(fc.array(message, { minLength: 1 }), (messages) => {
        const { contents } = requestOf({}, { messages }).body;
        expect(contents.length).toBeGreaterThan(0);
        for (const [index, { role, parts }] of contents.entries()) {
          expect(parts.length).toBeGreaterThan(0);
          expect(role).not.toBe(contents[index - 1]?.role);
        }
      }),
    );
  });
});

function messageOfEnd(finishReason: string): string {
  return errorOf(() => dialect.toCompletion({ candidates: [{ finishReason }] }, {})).message;
}

describe('an answer', () => {
  test.each([
    ['priority', 'priority'],
    ['SERVICE_TIER_FLEX', 'flex'],
    ['standard', undefined],
  ])('that was served in the tier %s is counted as %s', (header, tier) => {
    const { usage } = completionOf(googleAnswer([{ text: 'Hi.' }], 'STOP'), { 'x-gemini-service-tier': header });
    expect(usage.service_tier).toBe(tier);
  });

  test.each([
    [{ candidates: [] }, { input_tokens: 9, output_tokens: 28 }],
    [googleAnswer([], 'PROHIBITED_CONTENT'), { input_tokens: 9, output_tokens: 28 }],
    [googleAnswer([{ text: CANARY.answer }], 'MALFORMED_FUNCTION_CALL'), { input_tokens: 9, output_tokens: 28 }],
    [googleAnswer([{ text: CANARY.answer }]), { input_tokens: 9, output_tokens: 28 }],
    [
      { promptFeedback: { blockReason: 'SAFETY' as const }, usageMetadata: { promptTokenCount: 7 } },
      { input_tokens: 7, output_tokens: 0 },
    ],
  ])('of no use is charged as it was counted (%#)', (answer, usage) => {
    const error = errorOf(() => completionOf({ ...googleAnswer([]), ...answer }));
    expect(error.details.billed).toEqual({ usage });
    expect(error.message).not.toContain(CANARY.answer);
  });

  test('of no use and without counts is charged as unknown', () => {
    const error = errorOf(() => completionOf(googleAnswer([], 'STOP', { usageMetadata: {} })));
    expect(error.details).toMatchObject({ billUnknown: true });
  });

  test('says why it is of no use in one word, if it is one', () => {
    expect(messageOfEnd('MALFORMED_FUNCTION_CALL')).toContain('(MALFORMED_FUNCTION_CALL)');
    expect(messageOfEnd(`Because ${CANARY.prompt}`)).not.toContain(CANARY.prompt);
  });

  test('that ends for any other reason is never taken for a whole one', () => {
    const known = new Set(['STOP', 'MAX_TOKENS', 'CONTINUATION']);
    const filters = /SAFETY|RECITATION|BLOCKLIST|PROHIBITED_CONTENT|SPII/;
    fc.assert(
      fc.property(fc.string(), (finishReason) => {
        fc.pre(!known.has(finishReason) && !filters.test(finishReason));
        const answer = { candidates: [{ content: { parts: [{ text: 'Hi.' }] }, finishReason }] };
        expect(errorOf(() => dialect.toCompletion(answer, {})).code).toBe('PROVIDER_BAD_RESPONSE');
      }),
    );
  });

  test('is a completion or a GatewayError, whatever it is', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (body) => {
        expect(errorOf(() => dialect.toCompletion(body, {})).code).toMatch(/^[A-Z_]+$/);
      }),
    );
  });
});
