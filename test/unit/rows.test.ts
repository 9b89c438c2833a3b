import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Config } from '../../src/domain/config.ts';
import { inspectRows, readRows } from '../../src/producer/inspect.ts';
import { readLines } from '../../src/producer/lines.ts';
import { type RowOptions, parseRow, problemsOfDefaults } from '../../src/producer/rows.ts';

const config = Config.parse({
  providers: { sim: { base_url: 'https://example.com/v1' } },
  models: {
    cheap: { provider: 'sim', id: 'vendor/cheap-1', price: { input: 1, output: 1 } },
    dear: { provider: 'sim', id: 'vendor/dear-1', price: { input: 9, output: 9 } },
  },
  tasks: { simple: {}, urgent: { lane: 'interactive' } },
});

function options(more: Partial<RowOptions> = {}): RowOptions {
  return { intake: { config, lane: 'batch', now: () => 1_000 }, defaults: {}, anyModel: false, ...more };
}

function jobOf(row: object, more: Partial<RowOptions> = {}, lineNumber = 1): unknown {
  const prepared = parseRow(JSON.stringify(row), lineNumber, options(more));
  return prepared.ok ? prepared.job : prepared.problems;
}

function openAi(body: object, line: object = {}): object {
  const messages = [{ role: 'user', content: 'Hello.' }];
  return {
    custom_id: 'c-1',
    method: 'POST',
    url: '/v1/chat/completions',
    body: { model: 'cheap', messages, ...body },
    ...line,
  };
}

function reasonOf(text: string): string | undefined {
  const prepared = parseRow(text, 1, options());
  return prepared.ok ? undefined : prepared.problems[0]?.message;
}

async function* bytesOf(text: string): AsyncGenerator<Buffer> {
  yield Buffer.from(text);
}

function lines(text: string): ReturnType<typeof readLines> {
  return readLines(bytesOf(text));
}

async function digest(text: string, more: Partial<RowOptions> = {}): Promise<string> {
  return (await inspectRows(lines(text), 'rows', options(more))).digest;
}

describe('a row of our own', () => {
  it('gets what the queue needs to know', () => {
    expect(jobOf({ prompt: 'Hello.' }, {}, 7)).toEqual({
      v: 1,
      id: 'line-7',
      task: null,
      lane: 'batch',
      account: 'default',
      enqueued_at: 1_000,
      prompt: 'Hello.',
    });
  });

  it('has the defaults where it says nothing itself, and the lane of its task', () => {
    const defaults = { task: 'simple', max_tokens: 9, account: 'lab' };
    expect(jobOf({ prompt: 'a' }, { defaults })).toMatchObject({ task: 'simple', max_tokens: 9, account: 'lab' });
    expect(jobOf({ prompt: 'a', task: 'urgent', max_tokens: 5 }, { defaults })).toMatchObject({
      task: 'urgent',
      lane: 'interactive',
      max_tokens: 5,
    });
  });

  it('may name a model by the provider’s id, and has none with --any-model or as sluice/auto', () => {
    expect(jobOf({ prompt: 'a', model: 'vendor/dear-1' })).toMatchObject({ model: 'dear' });
    expect(jobOf({ prompt: 'a', model: 'sluice/auto' })).not.toHaveProperty('model');
    expect(jobOf({ prompt: 'a', model: 'gpt-4o' }, { anyModel: true })).not.toHaveProperty('model');
  });
});

describe('a line of OpenAI', () => {
  it('is the same job as the row that says the same', () => {
    const body = { max_tokens: 50, max_completion_tokens: 40, temperature: 0.5, metadata: { a: 'b' }, user: 'u-1' };
    expect(jobOf(openAi(body, { x_sluice: { task: 'simple', max_cost_usd: 0.1 } }))).toEqual(
      jobOf({
        id: 'c-1',
        task: 'simple',
        model: 'cheap',
        messages: [{ role: 'user', content: 'Hello.' }],
        max_tokens: 40,
        max_cost_usd: 0.1,
        temperature: 0.5,
        metadata: { a: 'b' },
        user: 'u-1',
      }),
    );
  });

  it('may say that it wants no stream and one answer, as clients do', () => {
    expect(jobOf(openAi({ stream: false, n: 1, store: null, service_tier: 'auto', metadata: null }))).toEqual(
      jobOf(openAi({})),
    );
  });

  it('is known by any of its fields, so that a line without custom_id hears of that', () => {
    const { body, method } = openAi({}) as { body: object; method: string };
    expect(jobOf({ body })).toContainEqual({ path: ['custom_id'], message: 'missing' });
    expect(jobOf({ method })).toContainEqual({ path: ['body'], message: 'missing' });
  });
});

describe('JSON that is broken', () => {
  it.each([
    ['{"a":}', 'Unexpected token } at column 6'],
    ['{"a":1,"b":xyz,"a long text that the parser would quote":1}', 'Unexpected token x at column 12'],
    ['{"a":tru', 'Unexpected end at column 9'],
    ['{"a" 1}', "Expected ':' after property name at column 6"],
    ['{"a":"b', 'Unterminated string at column 8'],
    ['{"a":"\\q"}', 'Bad escaped character at column 8'],
    ['{"a":1}}', 'Unexpected non-whitespace character after JSON at column 8'],
    ['{"a":01}', 'Unexpected number at column 7'],
    ['   [1,]', 'Unexpected token ] at column 7'],
    ['{"a":,,"b":1}', 'Unexpected token , at column 6'],
    ['{"a":\u202e}', 'Unexpected token U+202E at column 6'],
  ])('%s: %s', (text, reason) => {
    expect(reasonOf(text)).toBe(`not valid JSON (${reason})`);
  });

  it('is pointed at exactly where a character that cannot be was put in, without a word of the text', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 3 }), fc.nat(), (json, at) => {
        const column = (at % json.length) + 1;
        const text = `${json.slice(0, column - 1)}\u0007${json.slice(column - 1)}`;
        expect(reasonOf(text)).toMatch(
          new RegExp(`^not valid JSON \\([\\w ',:.+-]*[\\]}]?[\\w ',:.+-]* at column ${column}\\)$`),
        );
      }),
    );
  });
});

describe('a whole file', () => {
  it('is one batch by its rows and what shapes them, not by blank lines or bad ones', async () => {
    const usual = await digest('{"prompt":"a"}\n{"prompt":"b"}\n');
    expect(await digest('{"prompt":"a"}\r\n\r\n{"prompt":"b"}\nbad')).toBe(usual);
    expect(await digest('{"prompt":"b"}\n{"prompt":"a"}\n')).not.toBe(usual);
    expect(await digest('{"prompt":"a"}\n{"prompt":"b"}\n', { defaults: { max_tokens: 1 } })).not.toBe(usual);
    expect(await digest('{"prompt":"a"}\n{"prompt":"b"}\n', { anyModel: true })).not.toBe(usual);
  });

  it('tells twenty bad lines and counts the others; the good ones are read', async () => {
    const text = `${'bad\n'.repeat(30)}{"id":"x","prompt":"a"}\n{"id":"x","prompt":"b"}\n`;
    const { total, invalid } = await inspectRows(lines(text), 'f.jsonl', options());
    expect(total).toBe(1);
    expect(invalid.count).toBe(31);
    expect(invalid.problems).toHaveLength(21);
    expect(invalid.problems.at(-1)).toBe('f.jsonl: and 11 more bad lines');
    const rows: object[] = [];
    for await (const row of readRows(lines(text), invalid.lines, options())) rows.push(row);
    expect(rows).toMatchObject([{ id: 'x', prompt: 'a' }]);
  });
});

it('what is wrong with the defaults is told in the words of the flags', () => {
  expect(problemsOfDefaults({ task: 'simple', max_tokens: 5 }, options())).toEqual([]);
  expect(problemsOfDefaults({ max_cost_usd: 5_000, lane: 'fast' }, options())).toEqual([
    '--max-cost-usd: must be at most 1000, got 5000',
  ]);
  expect(problemsOfDefaults({ task: 'nope', lane: 'fast' }, options())).toEqual([
    '--task: unknown task "nope"; known: simple, urgent',
    '--lane: unknown lane "fast"; known: batch, interactive',
  ]);
});
