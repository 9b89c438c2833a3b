import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../src/config/config-file.ts';
import { InputError } from '../../src/domain/errors.ts';

const GOOD = `providers:
  one: { base_url: "https://example.com/v1", api_key: "\${KEY}" }
models:
  a: { provider: one, id: a, price: { input: 1, output: 2 } }
`;

function problemsOf(text: string, env: NodeJS.ProcessEnv = { KEY: 'k-1234567' }): readonly string[] {
  try {
    parseConfig(text, 'sluice.yaml', env);
    return [];
  } catch (error) {
    if (error instanceof InputError) return error.problems;
    throw error;
  }
}

describe('environment variables', () => {
  it('stand for their value, or for the default behind :-', () => {
    const config = parseConfig(`${GOOD}redis: { prefix: "{\${PREFIX:-mine}}" }\n`, 'x', {
      KEY: 'k-1234567',
      PREFIX: '',
    });
    expect(config.providers['one']?.api_key).toBe('k-1234567');
    expect(config.redis.prefix).toBe('{mine}');
  });

  it('that are not set, or empty, are named with their line, and no value is shown', () => {
    const problem = 'sluice.yaml:2: providers.one.api_key: environment variable KEY is not set';
    expect(problemsOf(GOOD, {})).toEqual([problem]);
    expect(problemsOf(GOOD, { KEY: '' })).toEqual([problem]);
    expect(problemsOf(GOOD, { KEY: 'top secret' })).toEqual([
      'sluice.yaml:2: providers.one.api_key: a key has printable characters only, without spaces or line breaks',
    ]);
  });
});

describe('problems have the line of the field that they are about', () => {
  it('a missing field that of what it is missing in, an unknown one its own', () => {
    const text = `providers:
  one:
    base_url: https://example.com/v1
    tmeout: 5s
models:
  a:
    provider: one
  "b": { provider: one, id: b, price: { input: 1, output: 1 }, capabilities: [tools, flying] }
lane: {}
`;
    expect(problemsOf(text)).toEqual([
      'sluice.yaml:4: providers.one: unknown field "tmeout" (did you mean "timeout"?)',
      'sluice.yaml:6: models.a.id: missing',
      expect.stringMatching(/^sluice\.yaml:8: models\.b\.capabilities\[1\]: expected tools .*, got "flying"$/),
      'sluice.yaml:9: unknown field "lane" (did you mean "lanes"?)',
    ]);
  });

  it('the second of two names that are the same', () => {
    const text = GOOD.replace('models:\n', 'models:\n  a: { provider: one, id: b, price: { input: 1, output: 2 } }\n');
    expect(problemsOf(text)).toEqual(['sluice.yaml:5:3: Map keys must be unique']);
  });
});

describe('text that is no configuration', () => {
  it.each([
    ['', ['sluice.yaml: providers: missing', 'sluice.yaml: models: missing']],
    ['# nothing yet\n', ['sluice.yaml: providers: missing', 'sluice.yaml: models: missing']],
    ['- a\n', ['sluice.yaml: expected an object, got a list of 1']],
    ['just text', ['sluice.yaml: expected an object, got "just text"']],
    ['providers:\n\tone: {}\n', ['sluice.yaml:2:1: Tabs are not allowed as indentation']],
    ['models: [a\n', [expect.stringMatching(/^sluice\.yaml:2:1: Flow sequence in block collection must/)]],
    ['a: *b\n', ['sluice.yaml: Unresolved alias (the anchor must be set before the alias): b']],
    ['a: &a { b: *a }\n', ['sluice.yaml: it is nested too deeply, or an anchor holds itself']],
  ])('%j', (text, problems) => {
    expect(problemsOf(text)).toEqual(problems);
  });

  it('a text that grows without end is refused', () => {
    const levels = Array.from({ length: 30 }, (_, n) => `l${n + 1}: &l${n + 1} [${`*l${n}, `.repeat(9)}*l${n}]`);
    expect(problemsOf(`l0: &l0 [x]\n${levels.join('\n')}\n`)).toEqual([expect.stringContaining('alias')]);
  });

  it('a text that is nested without end is refused', () => {
    const problems = problemsOf(`a: ${'['.repeat(50_000)}`);
    expect(problems[0]).toMatch(/^sluice\.yaml:1:\d+: Maximum call stack/);
    expect(problems.length).toBeLessThanOrEqual(20);
  });

  it('two documents in one file are refused', () => {
    expect(problemsOf(`${GOOD}---\n${GOOD}`)).toEqual([expect.stringMatching(/^sluice\.yaml:\d+:\d+: .*document/i)]);
  });
});
