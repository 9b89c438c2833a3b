import { describe, expect, it } from 'vitest';
import { Config } from '../../src/domain/config.ts';
import { formatProblem } from '../../src/domain/issues.ts';
import { type RowOptions, parseRow } from '../../src/producer/rows.ts';

const config = Config.parse({
  providers: { anthropic: { kind: 'anthropic' } },
  models: { haiku: { provider: 'anthropic', id: 'claude-haiku-4-5-20251001', price: { input: 1, output: 5 } } },
  tasks: { simple: {} },
});

const options: RowOptions = { intake: { config, lane: 'batch', now: () => 1_000 }, defaults: {}, anyModel: false };

const body = (more: object = {}): object => ({
  model: 'claude-haiku-4-5-20251001',
  max_tokens: 50,
  system: 'Be brief.',
  messages: [{ role: 'user', content: 'Hello.' }],
  ...more,
});

/** An entry of Anthropic's own batches, and the same in OpenAI's frame. */
const SHAPES = {
  params: (more?: object, line?: object) => ({ custom_id: 'c-1', params: body(more), ...line }),
  body: (more?: object, line?: object) => ({
    custom_id: 'c-1',
    method: 'POST',
    url: '/v1/messages',
    body: body(more),
    ...line,
  }),
};

function read(row: object): unknown {
  const prepared = parseRow(JSON.stringify(row), 1, options);
  return prepared.ok ? prepared.job : prepared.problems.map(formatProblem);
}

describe.each(Object.entries(SHAPES))('a line of Anthropic’s with its request as %s', (field, shape) => {
  it('is the same job as the row that says the same', () => {
    const more = { metadata: { user_id: 'u-1' }, stop_sequences: ['END'], stream: false };
    expect(read(shape(more, { x_sluice: { task: 'simple', max_cost_usd: 0.1 } }))).toEqual(
      read({
        id: 'c-1',
        task: 'simple',
        model: 'haiku',
        messages: [
          { role: 'system', content: 'Be brief.' },
          { role: 'user', content: 'Hello.' },
        ],
        max_tokens: 50,
        max_cost_usd: 0.1,
        stop: ['END'],
        user: 'u-1',
      }),
    );
  });

  it.each<[string, object, string]>([
    ['the model', shape({ model: 'claude' }), `${field}.model: unknown model "claude"`],
    ['the user', shape({ metadata: { user_id: 'u'.repeat(300) } }), `${field}.metadata.user_id: must be at most 256`],
    ['the task', shape({}, { x_sluice: { task: 'hard' } }), 'x_sluice.task: unknown task "hard"'],
    ['the id', shape({}, { custom_id: '' }), 'custom_id: must not be empty'],
    ['a stream', shape({ stream: true }), `${field}.stream: a batch has no streams; leave it out`],
    ['what cannot be carried', shape({ top_k: 4 }), `${field}.top_k: not every model has it`],
    ['an unknown field', shape({ max_token: 4 }), `${field}: unknown field "max_token"`],
  ])('%s that is wrong is told in its own words', (_name, line, problem) => {
    expect(read(line)).toEqual([expect.stringContaining(problem)]);
  });
});

it('a line without custom_id, or with a frame and params, hears of it', () => {
  expect(read({ params: body() })).toEqual(['custom_id: missing']);
  expect(read(SHAPES.params({}, { method: 'POST' }))).toEqual(['unknown field "method"']);
});
