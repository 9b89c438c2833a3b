import type Anthropic from '@anthropic-ai/sdk';
import { describe, expect, it } from 'vitest';
import { readAnthropicRequest } from '../../src/domain/native/anthropic/request.ts';
import { formatProblem } from '../../src/domain/issues.ts';

const PLAIN = {
  model: 'claude-sonnet-5',
  max_tokens: 100,
  messages: [{ role: 'user', content: 'Hello.' }],
} satisfies Anthropic.MessageCreateParams;

function requestOf(body: object): object {
  const read = readAnthropicRequest({ ...PLAIN, ...body });
  if (!read.ok) throw new Error(read.problems.map(formatProblem).join('\n'));
  return read.value;
}

function problemsOf(body: object): string[] {
  const read = readAnthropicRequest({ ...PLAIN, ...body });
  return read.ok ? [] : read.problems.map(formatProblem);
}

function turn(...content: unknown[]): { messages: unknown[] } {
  return { messages: [{ role: 'user', content }] };
}

describe('a body of the Messages API', () => {
  it('is a job’s request', () => {
    const body = {
      model: 'claude-haiku-4-5',
      max_tokens: 50,
      system: 'Be brief.',
      messages: [
        { role: 'user', content: 'And?' },
        {
          role: 'assistant',
          content: [
            { type: 'thinking', thinking: 'Hm.', signature: 'EsEC' },
            { type: 'text', text: 'I look.' },
            { type: 'tool_use', id: 'toolu_1', name: 'look', input: { at: 'it' } },
          ],
        },
        {
          role: 'user',
          content: [
            { type: 'tool_result', tool_use_id: 'toolu_1', content: [{ type: 'text', text: 'Seen.' }] },
            { type: 'text', text: 'Well?' },
          ],
        },
        { role: 'system', content: 'Be kind.' },
      ],
      stop_sequences: ['END'],
      tools: [{ name: 'look', input_schema: { type: 'object' }, cache_control: null }],
      tool_choice: { type: 'any', disable_parallel_tool_use: true },
      output_config: { effort: 'low', format: { type: 'json_schema', schema: { type: 'object' } } },
      metadata: { user_id: 'u-1' },
      service_tier: 'auto',
    } satisfies Anthropic.MessageCreateParams;
    expect(requestOf({ ...body, temperature: 0.5 })).toEqual({
      model: 'claude-haiku-4-5',
      max_tokens: 50,
      messages: [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: 'And?' },
        {
          role: 'assistant',
          content: 'I look.',
          tool_calls: [{ id: 'toolu_1', type: 'function', function: { name: 'look', arguments: '{"at":"it"}' } }],
        },
        { role: 'tool', tool_call_id: 'toolu_1', content: [{ type: 'text', text: 'Seen.' }] },
        { role: 'user', content: 'Well?' },
        { role: 'system', content: 'Be kind.' },
      ],
      temperature: 0.5,
      stop: ['END'],
      tools: [{ type: 'function', function: { name: 'look', parameters: { type: 'object' } } }],
      tool_choice: 'required',
      parallel_tool_calls: false,
      reasoning_effort: 'low',
      response_format: { type: 'json_schema', json_schema: { name: 'response', schema: { type: 'object' } } },
      user: 'u-1',
    });
  });

  it.each([
    [{ type: 'disabled' }, 'none'],
    [{ type: 'between_tools' }, 'none'],
    [{ type: 'adaptive' }, 'high'],
    [{ type: 'enabled', budget_tokens: 2_000 }, 'low'],
    [{ type: 'enabled', budget_tokens: 5_000 }, 'medium'],
    [{ type: 'enabled', budget_tokens: 9_000 }, 'high'],
  ])('thinks as it says: %o is %s', (thinking, effort) => {
    expect(requestOf({ thinking, max_tokens: 10_000 })).toHaveProperty('reasoning_effort', effort);
  });

  it('may have hints in it that are of no account to others', () => {
    const mark = { cache_control: { type: 'ephemeral' } };
    const tool = { name: 'look', input_schema: { type: 'object' } };
    const marked = {
      ...mark,
      system: [{ type: 'text', text: 'Be brief.', ...mark }],
      ...turn({ type: 'text', text: 'Hello.', ...mark }),
      tools: [{ ...tool, ...mark, eager_input_streaming: true }],
      context_management: { edits: [{ type: 'clear_thinking_20251015', keep: 'all' }] },
      container: null,
    };
    const plain = {
      system: [{ type: 'text', text: 'Be brief.' }],
      ...turn({ type: 'text', text: 'Hello.' }),
      tools: [tool],
    };
    expect(requestOf(marked)).toEqual(requestOf(plain));
    expect(requestOf({ tools: [], tool_choice: { type: 'auto' } })).toEqual(requestOf({}));
    expect(requestOf({ output_config: { effort: 'max' } })).toHaveProperty('reasoning_effort', 'xhigh');
  });

  it('says of a tool that failed that it did, and nothing of a turn that was only thought', () => {
    const image = { type: 'image', source: { type: 'url', url: 'https://example.com/a.png' } };
    const told = requestOf({
      messages: [
        { role: 'user', content: 'Look.' },
        { role: 'assistant', content: [{ type: 'thinking', thinking: 'Hm.', signature: 'EsEC' }] },
        {
          role: 'user',
          content: [
            { type: 'tool_result', tool_use_id: 'a', content: 'no such file', is_error: true },
            { type: 'tool_result', tool_use_id: 'b', content: [image], is_error: true },
            { type: 'tool_result', tool_use_id: 'c', content: 'a dot', is_error: false },
          ],
        },
      ],
    });
    expect(told).toHaveProperty('messages', [
      { role: 'user', content: 'Look.' },
      { role: 'tool', tool_call_id: 'a', content: 'The tool failed: no such file' },
      {
        role: 'tool',
        tool_call_id: 'b',
        content: [
          { type: 'text', text: 'The tool failed:' },
          { type: 'image_url', image_url: { url: image.source.url } },
        ],
      },
      { role: 'tool', tool_call_id: 'c', content: 'a dot' },
    ]);
  });

  it('may ask for a stream, which is for the caller to judge', () => {
    expect(requestOf({ stream: true })).toHaveProperty('stream', true);
  });
});

describe('what other models cannot be told', () => {
  const other = 'leave it out';

  it.each<[string, object, string]>([
    [
      'a document',
      turn({ type: 'document', source: { type: 'url', url: 'https://example.com/a.pdf' } }),
      'messages[0].content[0].type',
    ],
    ['a tool run by Anthropic', { tools: [{ type: 'web_search_20260318', name: 'web_search' }] }, 'tools[0].type'],
    [
      'an image in its files',
      turn({ type: 'image', source: { type: 'file', file_id: 'f' } }),
      'messages[0].content[0].source.type',
    ],
    ['top_k', { top_k: 5 }, 'top_k'],
    ['a container', { container: 'c' }, 'container'],
    ['a conversation that is stored', { thread: { type: 'create' } }, 'thread'],
    [
      'results of tools that are to be taken away',
      { context_management: { edits: [{ type: 'clear_tool_uses_20250919' }] } },
      'context_management.edits[0].type',
    ],
    [
      'the beginning of an answer',
      { messages: [...PLAIN.messages, { role: 'assistant', content: '{' }] },
      'messages[1]',
    ],
    ['more than four stop sequences', { stop_sequences: ['a', 'b', 'c', 'd', 'e'] }, 'stop_sequences'],
    ['no limit', { max_tokens: undefined }, 'max_tokens'],
  ])('%s is one problem, with its place', (_name, body, path) => {
    const problems = problemsOf(body);
    expect(problems.filter((problem) => problem.startsWith(`${path}: `))).toHaveLength(1);
    expect(problems).toHaveLength(1);
  });

  it('has its reason told', () => {
    expect(problemsOf({ top_k: 5 })).toEqual([`top_k: not every model has it; use top_p`]);
    expect(problemsOf({ speed: 'fast' })).toEqual([`speed: only Anthropic has it; ${other}`]);
  });

  it('is named where nobody knows it, and no text of a prompt with it', () => {
    expect(problemsOf({ temprature: 1 })).toEqual(['unknown field "temprature" (did you mean "temperature"?)']);
    expect(problemsOf(turn({ type: 'tool_use', id: 'a', name: 'b', input: 'secret' })).join()).not.toContain('secret');
    expect(problemsOf({ system: [{ type: 'text', text: 5, x: 'secret' }] }).join()).not.toContain('secret');
  });
});
