import type { OpenAI } from 'openai';
import { describe, expect, it } from 'vitest';
import { Config } from '../../src/domain/config.ts';
import { formatProblem } from '../../src/domain/issues.ts';
import { placeInResponsesRequest, readResponsesRequest } from '../../src/domain/native/responses/request.ts';
import { parseRow } from '../../src/producer/rows.ts';

type Params = OpenAI.Responses.ResponseCreateParams;
const PLAIN = { model: 'mini', input: 'Hello.' } satisfies Params;

function requestOf(body: object): object {
  const read = readResponsesRequest({ ...PLAIN, ...body });
  if (!read.ok) throw new Error(read.problems.map(formatProblem).join('\n'));
  return read.value;
}

function problemsOf(body: object): string[] {
  const read = readResponsesRequest({ ...PLAIN, ...body });
  return read.ok ? [] : read.problems.map(formatProblem);
}

function messagesOf(...input: unknown[]): unknown {
  return (requestOf({ input }) as { messages: unknown }).messages;
}

/** Items, and what becomes of them. */
const call = (id: string): object => ({ type: 'function_call', call_id: id, name: 'look', arguments: '{}' });
const output = (id: string): object => ({ type: 'function_call_output', call_id: id, output: id });
const said = (text: string): object => ({ role: 'assistant', content: text });
const called = (id: string): object => ({ id, type: 'function', function: { name: 'look', arguments: '{}' } });
const told = (id: string): object => ({ role: 'tool', tool_call_id: id, content: id });

describe('a body of the Responses API', () => {
  it('is a job’s request', () => {
    const body = {
      model: 'mini',
      instructions: 'Be brief.',
      input: [
        { role: 'user', content: 'And?' },
        {
          type: 'message',
          role: 'user',
          content: [
            { type: 'input_text', text: 'What is this?' },
            { type: 'input_image', image_url: 'data:image/png;base64,iVBORw0KGgo=', detail: 'low' },
          ],
        },
        { type: 'reasoning', id: 'rs_1', summary: [] },
        {
          type: 'message',
          id: 'msg_1',
          status: 'completed',
          role: 'assistant',
          content: [{ type: 'output_text', text: 'I look.', annotations: [] }],
        },
        { type: 'function_call', id: 'fc_1', call_id: 'call_1', name: 'look', arguments: '{"at":"it"}' },
        { type: 'function_call_output', call_id: 'call_1', output: 'a dot' },
      ],
      tools: [{ type: 'function', name: 'look', parameters: { type: 'object' }, strict: true, description: null }],
      tool_choice: { type: 'function', name: 'look' },
      parallel_tool_calls: false,
      text: { format: { type: 'json_schema', name: 'seen', schema: { type: 'object' }, strict: true } },
      reasoning: { effort: 'low', summary: 'auto' },
      max_output_tokens: 50,
      temperature: 0.5,
      top_p: 0.9,
      metadata: { suite: 'a' },
      safety_identifier: 'u-2',
      user: 'u-1',
      store: true,
      include: ['reasoning.encrypted_content'],
      truncation: 'disabled',
      previous_response_id: null,
      background: false,
      stream: true,
    } satisfies Params;
    expect(requestOf(body)).toEqual({
      model: 'mini',
      messages: [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: 'And?' },
        {
          role: 'user',
          content: [
            { type: 'text', text: 'What is this?' },
            { type: 'image_url', image_url: { url: 'data:image/png;base64,iVBORw0KGgo=', detail: 'low' } },
          ],
        },
        {
          role: 'assistant',
          content: 'I look.',
          tool_calls: [{ id: 'call_1', type: 'function', function: { name: 'look', arguments: '{"at":"it"}' } }],
        },
        { role: 'tool', tool_call_id: 'call_1', content: 'a dot' },
      ],
      max_tokens: 50,
      temperature: 0.5,
      top_p: 0.9,
      tools: [{ type: 'function', function: { name: 'look', parameters: { type: 'object' }, strict: true } }],
      tool_choice: { type: 'function', function: { name: 'look' } },
      parallel_tool_calls: false,
      response_format: {
        type: 'json_schema',
        json_schema: { name: 'seen', schema: { type: 'object' }, strict: true },
      },
      reasoning_effort: 'low',
      user: 'u-2',
      metadata: { suite: 'a' },
      stream: true,
    });
  });

  it('says nothing with what is null, and needs no more than a text', () => {
    const nothing = { temperature: null, tools: null, text: null, reasoning: null, metadata: null, instructions: null };
    expect(requestOf({ ...nothing, stream: null, max_output_tokens: null })).toEqual({
      model: 'mini',
      messages: [{ role: 'user', content: 'Hello.' }],
    });
    expect(requestOf({ tools: [], tool_choice: 'auto', parallel_tool_calls: true })).toEqual(requestOf({}));
    expect(requestOf({ reasoning: { effort: 'max' } })).toHaveProperty('reasoning_effort', 'xhigh');
  });

  it('has what the assistant says and calls at a time in one message, so that results follow upon their calls', () => {
    expect(messagesOf(said('So.'), call('a'), call('b'), output('a'), output('b'), call('c'), output('c'))).toEqual([
      { role: 'assistant', content: 'So.', tool_calls: [called('a'), called('b')] },
      told('a'),
      told('b'),
      { role: 'assistant', content: null, tool_calls: [called('c')] },
      told('c'),
    ]);
    expect(messagesOf(call('a'), said('So.'), output('a'))).toEqual([
      { role: 'assistant', content: 'So.', tool_calls: [called('a')] },
      told('a'),
    ]);
  });

  it('may give back a refusal, and parts as they came', () => {
    const refusal = { type: 'refusal', refusal: 'No.' };
    const text = { type: 'output_text', text: 'So.', annotations: [], logprobs: [] };
    expect(messagesOf({ role: 'assistant', content: [refusal] })).toEqual([
      { role: 'assistant', content: null, refusal: 'No.' },
    ]);
    expect(messagesOf({ role: 'assistant', content: [text, text] })).toEqual([
      {
        role: 'assistant',
        content: [
          { type: 'text', text: 'So.' },
          { type: 'text', text: 'So.' },
        ],
      },
    ]);
  });
});

describe('what other models cannot be told', () => {
  it.each<[string, object, string]>([
    [
      'an answer that is stored',
      { previous_response_id: 'resp_1' },
      'previous_response_id: answers are not stored here',
    ],
    ['a conversation', { conversation: 'conv_1' }, 'conversation: answers are not stored here'],
    ['an answer for later', { background: true }, 'background: answers are not stored here; use a batch'],
    ['a template', { prompt: { id: 'pmpt_1' } }, 'prompt: templates are not stored here'],
    ['probabilities', { include: ['message.output_text.logprobs'] }, 'include[0]: not to be had here'],
    ['a tool run by OpenAI', { tools: [{ type: 'web_search' }] }, 'tools[0].type: only tools of type function'],
    [
      'a choice among such',
      { tool_choice: { type: 'web_search_preview' } },
      'tool_choice.type: only tools of type function',
    ],
    [
      'an item of its store',
      { input: [{ type: 'item_reference', id: 'msg_1' }] },
      'input[0]: answers are not stored here',
    ],
    [
      'a call of such a tool',
      { input: [{ type: 'web_search_call', id: 'ws_1' }] },
      'input[0].type: expected message | ',
    ],
    [
      'an image in its files',
      { input: [{ role: 'user', content: [{ type: 'input_image', image_url: 'https://a.b/c', file_id: 'file-1' }] }] },
      'input[0].content[0].file_id: files are not handed to models here',
    ],
    [
      'a file',
      { input: [{ role: 'user', content: [{ type: 'input_file', file_id: 'file-1' }] }] },
      'input[0].content[0].type: expected input_text | input_image',
    ],
    ['a prompt that is to be cut', { truncation: 'auto' }, 'truncation: prompts are sent as they are'],
    ['no input', { input: undefined }, 'input: missing'],
    [
      'nothing but thoughts',
      { input: [{ type: 'reasoning', id: 'rs_1', summary: [] }] },
      'input: has nothing to answer',
    ],
    ['a field that nobody knows', { temprature: 1 }, 'unknown field "temprature" (did you mean "temperature"?)'],
  ])('%s is one problem, with its place', (_name, body, problem) => {
    const problems = problemsOf(body);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(problem);
  });

  it('is told without a text of the prompt', () => {
    const inputs = [
      [{ role: 'user', content: [{ type: 'input_text', text: 'secret', x: 'secret' }] }],
      [{ type: 'function_call', call_id: 'a', name: 'b', arguments: { a: 'secret' } }],
      [{ role: 'robot', content: 'secret' }],
    ];
    for (const input of inputs) expect(problemsOf({ input }).join()).not.toContain('secret');
  });

  it('stands where this API has it', () => {
    expect(placeInResponsesRequest(['max_tokens'])).toEqual(['max_output_tokens']);
    expect(placeInResponsesRequest(['response_format', 'json_schema'])).toEqual(['text', 'format']);
    expect(placeInResponsesRequest(['messages', 3])).toEqual(['input']);
    expect(placeInResponsesRequest(['model'])).toEqual(['model']);
  });
});

describe('a line of a batch with such a body', () => {
  const config = Config.parse({
    providers: { openai: { base_url: 'https://api.openai.com/v1' } },
    models: { mini: { provider: 'openai', id: 'gpt-5-mini', price: { input: 1, output: 5 } } },
  });

  function read(body: object): unknown {
    const line = { custom_id: 'c-1', method: 'POST', url: '/v1/responses', body };
    const intake = { config, lane: 'batch', now: () => 1_000 };
    const prepared = parseRow(JSON.stringify(line), 1, { intake, defaults: {}, anyModel: false });
    return prepared.ok ? prepared.job : prepared.problems.map(formatProblem);
  }

  it('is a row', () => {
    expect(read({ ...PLAIN, max_output_tokens: 5, instructions: 'Be brief.' })).toMatchObject({
      id: 'c-1',
      model: 'mini',
      max_tokens: 5,
      messages: [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: 'Hello.' },
      ],
    });
  });

  it.each<[object, string]>([
    [{ ...PLAIN, stream: true }, 'body.stream: a batch has no streams; leave it out'],
    [{ ...PLAIN, model: 'large' }, 'body.model: unknown model "large"'],
    [
      { ...PLAIN, background: true },
      'body.background: answers are not stored here; use a batch for what may take long',
    ],
  ])('names the place of a problem: %o', (body, problem) => {
    expect(read(body)).toEqual([expect.stringContaining(problem)]);
  });
});
