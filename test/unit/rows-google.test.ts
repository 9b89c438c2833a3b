import { describe, expect, it } from 'vitest';
import { Config } from '../../src/domain/config.ts';
import { formatProblem } from '../../src/domain/issues.ts';
import { type RowOptions, parseRow } from '../../src/producer/rows.ts';

const config = Config.parse({
  providers: { google: { kind: 'google', api_key: 'AIza-test' } },
  models: {
    flash: { provider: 'google', id: 'gemini-3.8-flash', price: { input: 1, output: 1 } },
    cheap: { provider: 'google', id: 'gemini-3.5-flash-lite', price: { input: 1, output: 1 } },
  },
  tasks: { simple: {} },
});

function parse(line: object, more: Partial<RowOptions> = {}): ReturnType<typeof parseRow> {
  const intake = { config, lane: 'batch', now: () => 1_000 };
  return parseRow(JSON.stringify(line), 1, { intake, defaults: {}, anyModel: false, ...more });
}

function jobOf(line: object, more: Partial<RowOptions> = {}): unknown {
  const prepared = parse(line, more);
  return prepared.ok ? prepared.job : prepared.problems.map(formatProblem);
}

const request = {
  contents: [{ role: 'user', parts: [{ text: 'Hello.' }] }],
  generation_config: { temperature: 0.5, max_output_tokens: 40 },
  labels: { run: 'a' },
};
const row = {
  messages: [{ role: 'user', content: 'Hello.' }],
  temperature: 0.5,
  max_tokens: 40,
  metadata: { run: 'a' },
};

describe('a line of Google’s batches', () => {
  it('is the same job as the row that says the same', () => {
    const x_sluice = { task: 'simple', max_cost_usd: 0.1 };
    expect(jobOf({ key: 'k-1', request, x_sluice })).toEqual(jobOf({ id: 'k-1', ...row, ...x_sluice }));
  });

  it('may name its model, which is a matter of the whole batch otherwise', () => {
    expect(jobOf({ key: 'k-1', request })).not.toHaveProperty('model');
    expect(jobOf({ key: 'k-1', request: { ...request, model: 'models/gemini-3.8-flash' } })).toMatchObject({
      model: 'flash',
    });
  });

  it('is known by any of its fields, so that it hears what is missing', () => {
    expect(jobOf({ request })).toEqual(['key: missing']);
    expect(jobOf({ key: 'k-1' })).toEqual(['request: missing']);
  });

  it('is told what is wrong in its own words, all of it at once', () => {
    expect(jobOf({ key: '', request: { ...request, generation_config: { top_k: 1 } }, x_slice: {} })).toEqual([
      'key: must not be empty, got ""',
      'unknown field "x_slice" (did you mean "x_sluice"?)',
      'request.generationConfig.topK: not every model has it; use topP',
    ]);
    expect(jobOf({ key: 'k-1', request: { ...request, generation_config: { max_output_tokens: 2_000_000 } } })).toEqual(
      ['request.generationConfig.maxOutputTokens: must be at most 1000000, got 2000000'],
    );
    expect(jobOf({ key: 'k-1', request: { ...request, labels: { run: 'x'.repeat(513) } } })).toEqual([
      'request.labels.run: must be at most 512 characters, got a text of 513 characters',
    ]);
    expect(jobOf({ key: 'k-1', request, x_sluice: { task: 'simpel' } })).toEqual([
      'x_sluice.task: unknown task "simpel"; known: simple',
    ]);
    expect(jobOf({ key: 'k-1', request: 'Hello.' })).toEqual([
      'request: expected a map of names to values, got a text of 6 characters',
    ]);
  });
});

function line(model: string, body: object = request): object {
  return { custom_id: 'c-1', method: 'POST', url: `/v1beta/models/${model}:generateContent`, body };
}

describe('a line of OpenAI’s batches with an address of Google', () => {
  it('is the same job as the row that says the same, with the model of its address', () => {
    expect(jobOf(line('gemini-3.8-flash'))).toEqual(jobOf({ id: 'c-1', ...row, model: 'flash' }));
    expect(jobOf(line('gemini-9'), { anyModel: true })).not.toHaveProperty('model');
  });

  it('is told what is wrong in its own words', () => {
    expect(jobOf(line('gemini-9'))).toEqual(['url: unknown model "gemini-9"; known: cheap, flash']);
    expect(jobOf(line('gemini-3.8-flash', { prompt: 'Hello.' }))).toEqual([
      'body.contents: missing',
      'body: unknown field "prompt"',
    ]);
    expect(jobOf({ ...line('x'), url: '/v1beta/models/x:streamGenerateContent' })).toContainEqual(
      expect.stringMatching(/^url: expected .*\/v1beta\/models\/\{model\}:generateContent.*, got "/),
    );
  });
});
