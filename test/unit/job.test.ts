import { describe, expect, test } from 'vitest';
import { check, formatProblem } from '../../src/domain/issues.ts';
import { PromptJob, requestOf, isQueuedJob, messagesOf, promptLength } from '../../src/domain/job.ts';

function linesOf(row: unknown): string[] {
  const checked = check(PromptJob, row);
  return checked.ok ? [] : checked.problems.map(formatProblem);
}

const user = { role: 'user', content: 'x' };
const withPrompt = (fields: object): object => ({ prompt: 'x', ...fields });
const tool = (fields: object): object => withPrompt({ tools: [{ type: 'function', function: fields }] });
const deep = JSON.parse(`${'{"a":'.repeat(100)}1${'}'.repeat(100)}`) as unknown;

const ROLES = 'system | developer | user | assistant | tool';
const NAME = 'use 1 to 128 letters, digits or . _ - : / @';
const ONE_KIND = 'expect: give exactly one of equals, one_of, contains, number, json';

describe('a bad row', () => {
  test.each<[unknown, string]>([
    // What it is.
    [null, 'expected an object, got null'],
    [[], 'expected an object, got a list of 0'],
    ['text', 'expected an object, got "text"'],
    ['a prompt that is longer than forty characters', 'expected an object, got a text of 45 characters'],
    // Its fields.
    [{ promt: 'x' }, 'unknown field "promt" (did you mean "prompt"?)'],
    [withPrompt({ max_token: 5 }), 'unknown field "max_token" (did you mean "max_tokens"?)'],
    [withPrompt({ content: 'x' }), 'unknown field "content"'],
    [withPrompt({ 'a\nb': 1 }), String.raw`unknown field "a\nb"`],
    [withPrompt({ constructor: 1 }), 'unknown field "constructor"'],
    [JSON.parse('{"prompt":"x","__proto__":{"a":1}}'), 'the name "__proto__" is not allowed'],
    // The prompt.
    [{}, 'prompt: missing: give prompt (text), messages (a list) or input (to be embedded)'],
    [{ prompt: 'x', messages: [user] }, 'prompt: give prompt or messages, not both'],
    [{ prompt: '' }, 'prompt: must not be empty, got ""'],
    [{ prompt: 3 }, 'prompt: expected a text, got 3'],
    [{ messages: 'a secret' }, 'messages: expected a list, got a text of 8 characters'],
    [{ prompt: null }, 'prompt: expected a text, got null'],
    [{ prompt: 'half \ud83d' }, 'prompt: half of a surrogate pair (a broken character)'],
    // The messages.
    [{ messages: [] }, 'messages: must not be empty, got a list of 0'],
    [{ messages: {} }, 'messages: expected a list, got an object'],
    [
      { messages: Array.from({ length: 2_001 }, () => user) },
      'messages: must be at most 2000 entries, got a list of 2001',
    ],
    [{ messages: [{ role: 'usr', content: 'x' }] }, `messages[0].role: expected ${ROLES}, got "usr"`],
    [{ messages: [user, { content: 'x' }] }, 'messages[1].role: missing'],
    [{ messages: [{ role: 'user' }] }, 'messages[0].content: missing'],
    [{ messages: [{ role: 'user', content: 3 }] }, 'messages[0].content: expected a text or a list, got 3'],
    [{ messages: [{ role: 'user', content: [] }] }, 'messages[0].content: must not be empty, got a list of 0'],
    [
      { messages: [{ role: 'user', content: [{ type: 'txt' }] }] },
      'messages[0].content[0].type: expected text | image_url, got "txt"',
    ],
    [{ messages: [{ ...user, contents: 'x' }] }, 'messages[0]: unknown field "contents" (did you mean "content"?)'],
    [{ messages: [{ role: 'tool', content: 'x' }] }, 'messages[0].tool_call_id: missing'],
    // Numbers.
    [withPrompt({ temperature: '1' }), 'temperature: expected a number, got "1"'],
    [withPrompt({ temperature: Number.NaN }), 'temperature: expected a number, got NaN'],
    [withPrompt({ temperature: Number.POSITIVE_INFINITY }), 'temperature: expected a number, got Infinity'],
    [withPrompt({ temperature: 9 }), 'temperature: must be at most 2, got 9'],
    [withPrompt({ temperature: -0.1 }), 'temperature: must be at least 0, got -0.1'],
    [withPrompt({ temperature: null }), 'temperature: expected a number, got null'],
    [withPrompt({ top_p: 1.01 }), 'top_p: must be at most 1, got 1.01'],
    [withPrompt({ seed: 1.5 }), 'seed: expected a whole number, got 1.5'],
    [withPrompt({ seed: 2 ** 60 }), 'seed: must be at most 9007199254740991, got 1152921504606847000'],
    [withPrompt({ max_tokens: 0 }), 'max_tokens: must be at least 1, got 0'],
    [withPrompt({ max_tokens: 1e9 }), 'max_tokens: must be at most 1000000, got 1000000000'],
    [withPrompt({ max_tokens: true }), 'max_tokens: expected a number, got true'],
    [withPrompt({ max_cost_usd: 0 }), 'max_cost_usd: must be above 0, got 0'],
    [withPrompt({ max_cost_usd: -1 }), 'max_cost_usd: must be above 0, got -1'],
    [withPrompt({ max_cost_usd: '1' }), 'max_cost_usd: expected a number, got "1"'],
    [withPrompt({ max_cost_usd: 1_001 }), 'max_cost_usd: must be at most 1000, got 1001'],
    [withPrompt({ max_latency_ms: -5 }), 'max_latency_ms: must be at least 1, got -5'],
    [withPrompt({ deadline_ms: 0.5 }), 'deadline_ms: expected a whole number, got 0.5'],
    [withPrompt({ max_attempts: 21 }), 'max_attempts: must be at most 20, got 21'],
    // Names.
    [withPrompt({ task: 'a b' }), `task: ${NAME}, got "a b"`],
    [withPrompt({ task: 'secret '.repeat(20) }), `task: ${NAME}, got a text of 140 characters`],
    [withPrompt({ task: '__proto__' }), `task: ${NAME}, got "__proto__"`],
    [withPrompt({ model: 'a', models: ['b'] }), 'model: give model or models, not both'],
    [withPrompt({ models: [] }), 'models: must not be empty, got a list of 0'],
    [withPrompt({ id: '' }), 'id: must not be empty, got ""'],
    [withPrompt({ id: 7 }), 'id: expected a text, got 7'],
    [withPrompt({ id: 'i'.repeat(257) }), 'id: must be at most 256 characters, got a text of 257 characters'],
    [
      withPrompt({ strategy: 'cheap' }),
      'strategy: expected hybrid | cost | latency | task | order | random | weighted | round-robin, got "cheap"',
    ],
    [withPrompt({ cache: 'yes' }), 'cache: expected true or false, got "yes"'],
    // Parameters.
    [withPrompt({ stop: 5 }), 'stop: expected a text or a list, got 5'],
    [withPrompt({ stop: ['a', 'b', 'c', 'd', 'e'] }), 'stop: must be at most 4 entries, got a list of 5'],
    [withPrompt({ tool_choice: 'always' }), 'tool_choice: expected none | auto | required, got "always"'],
    [
      withPrompt({ response_format: { type: 'xml' } }),
      'response_format.type: expected text | json_object | json_schema, got "xml"',
    ],
    [withPrompt({ response_format: 'json' }), 'response_format: expected an object, got "json"'],
    // Tools.
    [tool({ name: 'a b' }), 'tools[0].function.name: use 1 to 64 letters, digits or _ -, got "a b"'],
    [
      tool({ name: 'a'.repeat(65) }),
      'tools[0].function.name: use 1 to 64 letters, digits or _ -, got a text of 65 characters',
    ],
    [tool({}), 'tools[0].function.name: missing'],
    [tool({ name: 'a', parameters: 'x' }), 'tools[0].function.parameters: expected a map of names to values, got "x"'],
    [tool({ name: 'a', parameters: deep }), 'tools: nested more than 64 levels deep'],
    [
      tool({ name: 'a', parameters: JSON.parse('{"__proto__":{}}') as unknown }),
      'tools[0].function.parameters: the name "__proto__" is not allowed',
    ],
    // Metadata.
    [withPrompt({ metadata: { a: 1 } }), 'metadata.a: expected a text, got 1'],
    [
      withPrompt({ metadata: { a: 'x'.repeat(513) } }),
      'metadata.a: must be at most 512 characters, got a text of 513 characters',
    ],
    [
      withPrompt({ metadata: { ['k'.repeat(65)]: 'x' } }),
      'metadata: bad name: must be at most 64 characters, got a text of 65 characters',
    ],
    [withPrompt({ metadata: { 'a\nb': 1 } }), String.raw`metadata["a\nb"]: expected a text, got 1`],
    [withPrompt({ metadata: [] }), 'metadata: expected a map of names to values, got a list of 0'],
    // Expectations.
    [withPrompt({ expect: {} }), ONE_KIND],
    [withPrompt({ expect: { equals: 'a', contains: 'b' } }), ONE_KIND],
    [withPrompt({ expect: { equals: 'a', tolerance: 1 } }), 'expect.tolerance: tolerance goes with number'],
    [withPrompt({ expect: { number: '4' } }), 'expect.number: expected a number, got "4"'],
    [withPrompt({ expect: { number: 4, tolerance: -1 } }), 'expect.tolerance: must be at least 0, got -1'],
    [withPrompt({ expect: { one_of: [] } }), 'expect.one_of: must not be empty, got a list of 0'],
    [
      withPrompt({ expect: { one_of: Array.from({ length: 200_000 }, () => 1) } }),
      'expect.one_of: must be at most 1000 entries, got a list of 200000',
    ],
    [withPrompt({ expect: { contains: '' } }), 'expect.contains: must not be empty, got ""'],
    [withPrompt({ expect: { json: { pattern: '^a' } } }), 'expect.json: unknown field "pattern"'],
    [
      withPrompt({ expect: { json: { properties: { a: { type: 'text' } } } } }),
      'expect.json.properties.a.type: expected null | boolean | number | integer | string | array | object, got "text"',
    ],
    [withPrompt({ expect: { json: deep } }), 'expect: nested more than 64 levels deep'],
  ])('%# is told in one line: %s', (row, line) => {
    expect(linesOf(row)).toEqual([line]);
  });

  test('is told everything that is wrong with it at once', () => {
    expect(linesOf({ temperature: 9, task: 'a b', model: 'a', models: ['b'], seed: 'x' }).sort()).toEqual([
      'model: give model or models, not both',
      'prompt: missing: give prompt (text), messages (a list) or input (to be embedded)',
      'seed: expected a number, got "x"',
      `task: ${NAME}, got "a b"`,
      'temperature: must be at most 2, got 9',
    ]);
  });
});

describe('a good row', () => {
  test.each<[string, unknown]>([
    ['the least', { prompt: 'x' }],
    ['odd ids', { prompt: 'x', id: '__proto__:1 😀' }],
    ['the bounds', { prompt: 'x', temperature: 2, top_p: 0, max_tokens: 1_000_000, max_cost_usd: 1_000, seed: -1 }],
    ['metadata at its limits', { prompt: 'x', metadata: { ['k'.repeat(64)]: 'v'.repeat(512), constructor: 'x' } }],
    ['an assistant without content', { messages: [user, { role: 'assistant', content: null, tool_calls: [] }] }],
    ['an image', { messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'data:,' } }] }] }],
    [
      'a deep tool schema',
      tool({ name: 'a', parameters: JSON.parse(`${'{"a":'.repeat(50)}1${'}'.repeat(50)}`) as unknown }),
    ],
  ])('%s is taken as it is', (_name, row) => {
    expect(check(PromptJob, row)).toEqual({ ok: true, value: row });
  });
});

describe('a job in the queue', () => {
  const job = { v: 1, task: null, lane: 'batch', account: 'default', enqueued_at: 1, prompt: 'x' };

  test.each<[unknown, boolean]>([
    [job, true],
    [{ ...job, prompt: undefined, messages: [user] }, true],
    [{ ...job, later: 'field' }, true],
    [{ ...job, v: 2 }, false],
    [{ ...job, prompt: undefined }, false],
    [{ ...job, lane: undefined }, false],
    [{}, false],
    [undefined, false],
    ['{"v":1}', false],
  ])('%# is told from a ghost', (data, expected) => {
    expect(isQueuedJob(data)).toBe(expected);
  });

  test('becomes a request with its parameters and nothing else', () => {
    const request = requestOf({ prompt: 'x', temperature: 0, stop: ['a'], user: 'u', metadata: { a: 'b' } }, 9);
    expect(request).toEqual({ messages: [user], maxTokens: 9, parameters: { temperature: 0, stop: ['a'] } });
  });

  test('has a length without images', () => {
    const messages = messagesOf({
      messages: [
        {
          role: 'user',
          content: [
            { type: 'text', text: 'abc' },
            { type: 'image_url', image_url: { url: 'data:,123' } },
          ],
        },
        { role: 'assistant', content: null },
      ],
    });
    expect(promptLength({ messages: [...messages] })).toBe(4);
    expect(promptLength({ prompt: 'abcd' })).toBe(4);
  });
});
