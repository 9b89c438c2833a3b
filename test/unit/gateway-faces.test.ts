import type Anthropic from '@anthropic-ai/sdk';
import type { OpenAI } from 'openai';
import { describe, expect, it } from 'vitest';
import type { Completion } from '../../src/domain/result.ts';
import { ApiError } from '../../src/gateway/api-error.ts';
import { toMessage } from '../../src/gateway/messages/answer.ts';
import { countTokens } from '../../src/gateway/messages/count-tokens.ts';
import { messagesFace } from '../../src/gateway/messages/face.ts';
import { toResponse } from '../../src/gateway/responses/answer.ts';
import { responsesFace } from '../../src/gateway/responses/face.ts';
import { callOf, completedWith } from '../support/answers.ts';

/**
 * Answers in the words of each API. That they are of the types of the official clients is checked by the compiler: an
 * answer that lacks a field, or has a wrong one, is an error of the types of this file.
 */

/** The client adds `output_text` itself. */
type Response = Omit<OpenAI.Responses.Response, 'output_text'>;

const CONTEXT = { id: 'resp_7', created: 1_700_000_000, askedModel: 'mini' };

function readResponse(more: object = {}) {
  const read = responsesFace.read({ model: 'mini', input: 'Hello.', ...more });
  if (!read.ok) throw new Error('the request of this test is wrong');
  return read;
}

function outputOf(completion: Partial<Completion>): object {
  return toResponse(completedWith(completion), readResponse().body, CONTEXT).output;
}

describe('a response', () => {
  const tool = { type: 'function', name: 'look', parameters: { type: 'object' } };
  const asked = { instructions: 'Be brief.', max_output_tokens: 50, tools: [tool], tool_choice: 'auto', user: 'u-1' };

  it('has the texts and calls, what was used, and what was asked', () => {
    const result = completedWith({
      content: 'I look.',
      tool_calls: [callOf('look', '{"at":"it"}')],
      finish_reason: 'tool_calls',
    });
    const response: Response = toResponse(result, readResponse(asked).body, CONTEXT);
    expect(response).toMatchObject({
      id: 'resp_7',
      object: 'response',
      status: 'completed',
      created_at: 1_700_000_000,
      completed_at: 1_700_000_002,
      model: 'gpt-5-mini-2025-08-07',
      output: [
        {
          id: 'msg_7',
          type: 'message',
          status: 'completed',
          role: 'assistant',
          content: [{ type: 'output_text', text: 'I look.', annotations: [] }],
        },
        {
          id: 'fc_7_0',
          type: 'function_call',
          status: 'completed',
          call_id: 'call_look',
          name: 'look',
          arguments: '{"at":"it"}',
        },
      ],
      usage: {
        input_tokens: 100,
        input_tokens_details: { cached_tokens: 30, cache_write_tokens: 15 },
        output_tokens: 20,
        output_tokens_details: { reasoning_tokens: 7 },
        total_tokens: 120,
        cost: 0.0015,
      },
      instructions: 'Be brief.',
      max_output_tokens: 50,
      tool_choice: 'auto',
      tools: [{ type: 'function', name: 'look', parameters: { type: 'object' }, strict: null }],
      parallel_tool_calls: true,
      text: { format: { type: 'text' } },
      store: false,
      user: 'u-1',
    });
  });

  it.each([
    ['length', 'max_output_tokens'],
    ['content_filter', 'content_filter'],
  ] as const)('that ends by %s is incomplete, and its last item with it', (finishReason, reason) => {
    const result = completedWith({
      content: 'I',
      tool_calls: [callOf('look', '{"at')],
      finish_reason: finishReason,
    });
    expect(toResponse(result, readResponse().body, CONTEXT)).toMatchObject({
      status: 'incomplete',
      completed_at: null,
      incomplete_details: { reason },
      output: [{ status: 'completed' }, { status: 'incomplete', arguments: '{"at' }],
    });
  });

  it('may be a refusal, or nothing at all', () => {
    expect(outputOf({ refusal: 'No.' })).toMatchObject([{ content: [{ type: 'refusal', refusal: 'No.' }] }]);
    expect(outputOf({})).toMatchObject([{ content: [{ type: 'output_text', text: '' }] }]);
  });

  it('asks for what its request asks for', () => {
    const { asked: read } = readResponse({ models: ['large'], provider: { sort: 'price' }, stream: true, user: 'u-1' });
    expect(read).toEqual({
      model: 'mini',
      models: ['large'],
      provider: { sort: 'price' },
      isStream: true,
      job: { messages: [{ role: 'user', content: 'Hello.' }], user: 'u-1' },
    });
  });
});

describe('a message', () => {
  it('has blocks of text and tools, and counts what is in a cache apart', () => {
    const result = completedWith({ content: 'I look.', tool_calls: [callOf('look', '{"at":"it"}')] });
    const message: Anthropic.Message = toMessage(result, 'msg_7');
    expect(message).toEqual({
      id: 'msg_7',
      type: 'message',
      role: 'assistant',
      model: 'gpt-5-mini-2025-08-07',
      content: [
        { type: 'text', text: 'I look.', citations: null },
        { type: 'tool_use', id: 'call_look', name: 'look', input: { at: 'it' }, caller: { type: 'direct' } },
      ],
      container: null,
      diagnostics: null,
      stop_reason: 'tool_use',
      stop_sequence: null,
      stop_details: null,
      usage: {
        input_tokens: 55,
        cache_read_input_tokens: 30,
        cache_creation_input_tokens: 15,
        cache_creation: { ephemeral_5m_input_tokens: 10, ephemeral_1h_input_tokens: 5 },
        output_tokens: 20,
        output_tokens_details: { thinking_tokens: 7 },
        server_tool_use: null,
        service_tier: 'standard',
        inference_geo: null,
        speed: null,
        cost: 0.0015,
      },
    });
  });

  it.each([
    [{ content: 'a', finish_reason: 'stop' }, 'end_turn'],
    [{ content: 'a', finish_reason: 'length' }, 'max_tokens'],
    [{ content: 'a', finish_reason: 'content_filter' }, 'refusal'],
    [{ refusal: 'No.', finish_reason: 'stop' }, 'refusal'],
    [{ tool_calls: [callOf('look', '{}')], finish_reason: 'stop' }, 'tool_use'],
    [{ tool_calls: [callOf('look', '{')], finish_reason: 'length' }, 'max_tokens'],
  ] as const)('%o ends by %s', (completion, reason) => {
    const { tool_calls: calls, ...rest } = { tool_calls: undefined, ...completion };
    const result = completedWith({ ...rest, ...(calls ? { tool_calls: [...calls] } : {}) });
    expect(toMessage(result, 'msg_7').stop_reason).toBe(reason);
  });

  it('tells what the model refused with beside the reason', () => {
    expect(toMessage(completedWith({ refusal: 'No.' }), 'msg_7')).toMatchObject({
      content: [],
      stop_details: { type: 'refusal', explanation: 'No.' },
    });
  });

  it.each([
    ['', {}],
    ['{"a": "brok', { arguments: '{"a": "brok' }],
    ['[1]', { arguments: '[1]' }],
  ])('has an object for the input of a tool, whatever the model wrote: %o', (text, input) => {
    const { content } = toMessage(completedWith({ tool_calls: [callOf('look', text)] }), 'msg_7');
    expect(content).toMatchObject([{ type: 'tool_use', input }]);
  });

  it.each([
    [400, 'invalid_request_error'],
    [401, 'authentication_error'],
    [402, 'billing_error'],
    [403, 'permission_error'],
    [404, 'not_found_error'],
    [413, 'request_too_large'],
    [422, 'invalid_request_error'],
    [429, 'rate_limit_error'],
    [500, 'api_error'],
    [502, 'api_error'],
    [503, 'overloaded_error'],
    [504, 'timeout_error'],
    [529, 'overloaded_error'],
  ])('that is not to be had with %i is an error of type %s', (status, type) => {
    expect(messagesFace.toErrorBody(new ApiError(status, 'x', 'why'), 'req_1')).toEqual({
      type: 'error',
      error: { type, message: 'why' },
      request_id: 'req_1',
    });
  });
});

describe('the tokens of a prompt', () => {
  const messages = [{ role: 'user', content: 'Which ocean lies between Africa and Australia?' }];

  it('are told as an estimate, tools with them, without a limit for the answer', () => {
    const plain = countTokens({ model: 'mini', messages });
    const tool = { name: 'look', description: 'Looks at it closely.', input_schema: { type: 'object' } };
    const withTool = countTokens({ model: 'mini', messages, tools: [tool] });
    if (!plain.ok || !withTool.ok) throw new Error('nothing was counted');
    expect(plain.value.input_tokens).toBeGreaterThan(5);
    expect(plain.value.input_tokens).toBeLessThan(40);
    expect(withTool.value.input_tokens).toBeGreaterThan(plain.value.input_tokens);
  });

  it.each([[{ model: 'mini' }], [[]], [null], ['text']])('of a wrong body are not told: %o', (body) => {
    expect(countTokens(body).ok).toBe(false);
  });
});
