import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CliRun, Workshop } from '../support/cli.ts';

/** Stands in every prompt of the table, and must stand in no message. */
const PROMPT = 'my mother’s maiden name';
const LONG = 'x'.repeat(300);

type BadLine = { name: string; line: string | Buffer; problem: string };

const row = (fields: object): string => JSON.stringify({ prompt: PROMPT, ...fields });
const openAi = (fields: object, body: object = {}): string =>
  JSON.stringify({
    custom_id: 'o-1',
    method: 'POST',
    url: '/v1/chat/completions',
    body: { model: 'cheap', messages: [{ role: 'user', content: PROMPT }], ...body },
    ...fields,
  });

const BAD_LINES: BadLine[] = [
  {
    name: 'no JSON',
    line: `{"prompt": "${PROMPT}", }`,
    problem: 'not valid JSON (Expected double-quoted property name at column 39)',
  },
  {
    name: 'a text without its end',
    line: `{"prompt": "${PROMPT}`,
    problem: 'not valid JSON (Unterminated string at column 36)',
  },
  {
    name: 'JSON that ends too early',
    line: `{"prompt": "${PROMPT}", "task":`,
    problem: 'not valid JSON (Unexpected end at column 46)',
  },
  {
    name: 'single quotes',
    line: `{'prompt': '${PROMPT}'}`,
    problem: "not valid JSON (Expected property name or '}' at column 2)",
  },
  {
    name: 'NaN',
    line: `{"prompt": "${PROMPT}", "max_tokens": NaN}`,
    problem: 'not valid JSON (Unexpected token N at column 53)',
  },
  {
    name: 'two rows on a line',
    line: `${row({})} ${row({})}`,
    problem: 'not valid JSON (Unexpected non-whitespace character after JSON at column 38)',
  },
  { name: 'a comment', line: '// to do', problem: 'not valid JSON (Unexpected token / at column 1)' },
  {
    name: 'an escape in the place of a value',
    line: '  {"prompt": \u001b[31m"hi"}',
    problem: 'not valid JSON (Unexpected token U+001B at column 14)',
  },
  { name: 'a list', line: '[]', problem: 'expected an object: {"prompt": ...}' },
  { name: 'a text', line: `"${PROMPT}"`, problem: 'expected an object: {"prompt": ...}' },
  { name: 'null', line: 'null', problem: 'expected an object: {"prompt": ...}' },
  {
    name: 'neither prompt nor messages',
    line: '{"task": "simple"}',
    problem: 'prompt: missing: give prompt (text), messages (a list) or input (to be embedded)',
  },
  {
    name: 'both prompt and messages',
    line: row({ messages: [{ role: 'user', content: PROMPT }] }),
    problem: 'prompt: give prompt or messages, not both',
  },
  { name: 'an empty prompt', line: row({ prompt: '' }), problem: 'prompt: must not be empty, got ""' },
  { name: 'a prompt that is a number', line: row({ prompt: 5 }), problem: 'prompt: expected a text, got 5' },
  { name: 'no messages', line: '{"messages": []}', problem: 'messages: must not be empty, got a list of 0' },
  {
    name: 'a role that does not exist',
    line: JSON.stringify({ messages: [{ role: 'usr', content: PROMPT }] }),
    problem: 'messages[0].role: expected system | developer | user | assistant | tool, got "usr"',
  },
  {
    name: 'a message without content',
    line: '{"messages": [{"role": "user"}]}',
    problem: 'messages[0].content: missing',
  },
  {
    name: 'a misspelled field',
    line: JSON.stringify({ promt: PROMPT }),
    problem: 'unknown field "promt" (did you mean "prompt"?)',
  },
  { name: 'an unknown field like none', line: row({ colour: 'red' }), problem: 'unknown field "colour"' },
  {
    name: 'an unknown task',
    line: row({ task: 'simpel' }),
    problem: 'task: unknown task "simpel"; known: coding, simple',
  },
  {
    name: 'an unknown model',
    line: row({ model: 'gpt-9' }),
    problem: 'model: unknown model "gpt-9"; known: cheap, dear',
  },
  {
    name: 'an unknown lane',
    line: row({ lane: 'fast' }),
    problem: 'lane: unknown lane "fast"; known: batch, interactive',
  },
  {
    name: 'an unknown strategy',
    line: row({ strategy: 'cheapest' }),
    problem:
      'strategy: expected hybrid | cost | latency | task | order | random | weighted | round-robin, got "cheapest"',
  },
  {
    name: 'model and models',
    line: row({ model: 'cheap', models: ['dear'] }),
    problem: 'model: give model or models, not both',
  },
  { name: 'a cost limit of 0', line: row({ max_cost_usd: 0 }), problem: 'max_cost_usd: must be above 0, got 0' },
  { name: 'a cost limit below 0', line: row({ max_cost_usd: -1 }), problem: 'max_cost_usd: must be above 0, got -1' },
  {
    name: 'a cost limit as text',
    line: row({ max_cost_usd: '1' }),
    problem: 'max_cost_usd: expected a number, got "1"',
  },
  {
    name: 'a cost limit without end',
    line: '{"prompt": "a", "max_cost_usd": 1e999}',
    problem: 'max_cost_usd: expected a number, got Infinity',
  },
  {
    name: 'a latency below 0',
    line: row({ max_latency_ms: -5 }),
    problem: 'max_latency_ms: must be at least 1, got -5',
  },
  { name: 'no tokens', line: row({ max_tokens: 0 }), problem: 'max_tokens: must be at least 1, got 0' },
  {
    name: 'a billion tokens',
    line: row({ max_tokens: 1e9 }),
    problem: 'max_tokens: must be at most 1000000, got 1000000000',
  },
  { name: 'half a token', line: row({ max_tokens: 1.5 }), problem: 'max_tokens: expected a whole number, got 1.5' },
  { name: 'a temperature of 9', line: row({ temperature: 9 }), problem: 'temperature: must be at most 2, got 9' },
  { name: 'an id that is a number', line: row({ id: 7 }), problem: 'id: expected a text, got 7' },
  {
    name: 'an id of 300 characters',
    line: row({ id: LONG }),
    problem: 'id: must be at most 256 characters, got a text of 300 characters',
  },
  { name: 'an empty id', line: row({ id: '' }), problem: 'id: must not be empty, got ""' },
  { name: 'an id that another line has', line: row({ id: 'good' }), problem: 'id "good" already used on line 1' },
  {
    name: 'an expectation of two kinds',
    line: row({ expect: { equals: 'a', contains: 'b' } }),
    problem: 'expect: give exactly one of equals, one_of, contains, number, json',
  },
  {
    name: 'metadata that is no text',
    line: row({ metadata: { a: 1 } }),
    problem: 'metadata.a: expected a text, got 1',
  },
  {
    name: 'invalid UTF-8',
    line: Buffer.concat([Buffer.from('{"prompt": "'), Buffer.from([0xff, 0xfe]), Buffer.from('"}')]),
    problem: 'the line is not valid UTF-8',
  },
  { name: 'a NUL byte', line: '{"prompt": "a\0b"}', problem: 'the line has a NUL byte' },
  {
    name: 'half of a surrogate pair',
    line: '{"prompt": "\\ud83d"}',
    problem: 'prompt: half of a surrogate pair (a broken character)',
  },
  {
    name: 'lists in lists',
    line: `{"prompt": "a", "tools": ${'['.repeat(100)}${']'.repeat(100)}}`,
    problem: 'tools: nested more than 64 levels deep',
  },
  {
    name: 'a hundred thousand objects in each other',
    line: `${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`,
    problem: 'a: nested more than 64 levels deep',
  },
  {
    name: 'a prototype',
    line: '{"prompt": "a", "__proto__": {"task": "simple"}}',
    problem: 'the name "__proto__" is not allowed',
  },
  {
    name: 'a line above a megabyte',
    line: row({ prompt: PROMPT.repeat(70_000) }),
    problem: 'the line is longer than the limit of 1048576 bytes',
  },
  {
    name: 'OpenAI: streaming',
    line: openAi({}, { stream: true }),
    problem: 'body.stream: a batch has no streams; leave it out',
  },
  { name: 'OpenAI: two answers', line: openAi({}, { n: 2 }), problem: 'body.n: one answer a request; leave it out' },
  {
    name: 'OpenAI: another URL',
    line: openAi({ url: '/v1/moderations' }),
    problem:
      'url: expected /v1/chat/completions | /v1/embeddings | /v1/responses | /v1/messages | /v1beta/models/{model}:generateContent, got "/v1/moderations"',
  },
  { name: 'OpenAI: another method', line: openAi({ method: 'GET' }), problem: 'method: expected POST, got "GET"' },
  { name: 'OpenAI: no custom_id', line: openAi({ custom_id: undefined }), problem: 'custom_id: missing' },
  { name: 'OpenAI: no body', line: openAi({ body: undefined }), problem: 'body: missing' },
  {
    name: 'OpenAI: an unknown model',
    line: openAi({}, { model: 'gpt-4o' }),
    problem: 'body.model: unknown model "gpt-4o"; known: cheap, dear',
  },
  {
    name: 'OpenAI: an unknown parameter',
    line: openAi({}, { temperatur: 1 }),
    problem: 'body: unknown field "temperatur" (did you mean "temperature"?)',
  },
  {
    name: 'OpenAI: an unknown task',
    line: openAi({ x_sluice: { task: 'simpel' } }),
    problem: 'x_sluice.task: unknown task "simpel"; known: coding, simple',
  },
  {
    name: 'OpenAI: a cost limit below 0',
    line: openAi({ x_sluice: { max_cost_usd: -1 } }),
    problem: 'x_sluice.max_cost_usd: must be above 0, got -1',
  },
];

/** So many bad lines are told in one run. */
const TOLD = 20;

describe('a bad line is named with its number and what is wrong with it', () => {
  let workshop: Workshop;
  const runs: CliRun[] = [];

  beforeAll(async () => {
    workshop = await Workshop.open();
    await workshop.configure('http://127.0.0.1:9/v1');
    const files: string[] = [];
    for (let first = 0; first < BAD_LINES.length; first += TOLD) {
      const lines = BAD_LINES.slice(first, first + TOLD).flatMap(({ line }) => [Buffer.from(line), Buffer.from('\n')]);
      files.push(
        await workshop.write(`rows-${first}.jsonl`, Buffer.concat([Buffer.from(`${row({ id: 'good' })}\n`), ...lines])),
      );
    }
    runs.push(...(await Promise.all(files.map((file) => workshop.run(['batch', 'submit', file])))));
  });
  afterAll(() => workshop.close());

  it.each(BAD_LINES.map((bad, index) => [bad.name, bad.problem, index] as const))('%s', (_name, problem, index) => {
    const { stderr = '' } = runs[Math.floor(index / TOLD)] ?? {};
    const place = `sluice: rows-${index - (index % TOLD)}.jsonl:${(index % TOLD) + 2}: `;
    const told = stderr.split('\n').filter((line) => line.startsWith(place));
    expect(told).toEqual([place + problem]);
  });

  it('refuses the whole file with exit code 2, without a stack, a prompt or anything on stdout', () => {
    for (const { code, stdout, stderr } of runs) {
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
      expect(stderr).toMatch(/\nsluice: \d+ bad lines, nothing was enqueued; mend them, or set them aside .*\n$/);
      expect(stderr).not.toContain(PROMPT);
      expect(stderr).not.toMatch(/^ +at /m);
    }
  });

  it('enqueues nothing', async () => {
    expect(await workshop.jobsInQueues()).toBe(0);
    expect(await workshop.stores.batches.list(10)).toEqual([]);
  });
});
