import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { DISPOSITIONS, type GatewayError } from '../../src/domain/errors.ts';
import { failureInBody, failureOfAnswer } from '../../src/providers/failures.ts';
import { ANTHROPIC } from '../support/fixtures/failures/anthropic.ts';
import { AWS } from '../support/fixtures/failures/aws.ts';
import { AZURE } from '../support/fixtures/failures/azure.ts';
import { CONTEXT } from '../support/fixtures/failures/context.ts';
import { LITELLM, PORTKEY } from '../support/fixtures/failures/gateways.ts';
import { GOOGLE } from '../support/fixtures/failures/google.ts';
import { IN_BETWEEN } from '../support/fixtures/failures/in-between.ts';
import { INSIDE_200 } from '../support/fixtures/failures/inside.ts';
import { OPENAI } from '../support/fixtures/failures/openai.ts';
import { OPENROUTER } from '../support/fixtures/failures/openrouter.ts';
import { type FailureRow, NOW } from '../support/fixtures/failures/row.ts';
import { SERVERS } from '../support/fixtures/failures/servers.ts';
import { expectCleanCause, expectSound } from '../support/sound-failure.ts';
import { complete, connectProvider, failureOf, startFixedUpstream } from '../support/upstream.ts';

function refuse({ status, headers = {}, body }: Pick<FailureRow, 'status' | 'headers' | 'body'>): GatewayError {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return failureOfAnswer('upstream', { status, headers, text }, NOW);
}

describe.each([
  ['OpenAI', OPENAI],
  ['Azure', AZURE],
  ['Anthropic', ANTHROPIC],
  ['Google', GOOGLE],
  ['OpenRouter', OPENROUTER],
  ['LiteLLM', LITELLM],
  ['Portkey', PORTKEY],
  ['AWS', AWS],
  ['a model with too small a window', CONTEXT],
  ['other servers', SERVERS],
  ['what stands in between', IN_BETWEEN],
])('a refusal by %s', (_provider, rows) => {
  test.each(rows)('$status $name is $code', (row) => {
    const error = refuse(row);
    expectSound(error);
    expectCleanCause(error);
    const { code, status, retryAfterMs, benchMs, billUnknown } = row;
    const told = { provider: 'upstream', status, retryAfterMs, benchMs, billUnknown };
    expect({ code: error.code, details: error.details }).toEqual({ code, details: told });
    expect(error.message).toMatch(`upstream answered ${status}`);
    if (row.says !== undefined) expect(error.message.endsWith(row.says)).toBe(true);
  });
});

test.each([...OPENAI.slice(0, 3), ...ANTHROPIC.slice(0, 2), ...IN_BETWEEN.slice(0, 3)])(
  'over HTTP, too, $status $name is $code, and is asked once',
  async ({ status, body, headers, code, retryAfterMs }) => {
    const upstream = await startFixedUpstream(status, body, headers);
    const error = await failureOf(complete(connectProvider(upstream.url)));
    expect(error).toMatchObject({ code, details: { provider: 'upstream', status } });
    expect(error.details.retryAfterMs).toBe(retryAfterMs);
    expect(upstream.received).toHaveLength(1);
  },
);

describe('an error inside of a 200', () => {
  test.each(INSIDE_200)('$name is $code', ({ error: inside, code, status, retryAfterMs }) => {
    const error = failureInBody('upstream', inside);
    expectSound(error);
    expectCleanCause(error);
    expect(error.code).toBe(code);
    expect(error.details).toEqual({
      provider: 'upstream',
      status,
      ...(retryAfterMs !== undefined && { retryAfterMs }),
    });
    expect(error.message).toMatch(/^upstream answered 200 with an error inside/);
  });

  test('carries what was used until then', () => {
    const billed = { usage: { input_tokens: 12, output_tokens: 3 }, nanos: 4_500 };
    expect(failureInBody('upstream', { type: 'overloaded_error' }, billed).details).toEqual({
      provider: 'upstream',
      status: 200,
      billed,
    });
  });
});

const said = (message: string): object => ({ error: { message, type: 'invalid_request_error' } });

describe('a prompt that comes back in an error', () => {
  const claim = 'Your credit balance is too low. You will regain access on 2026-12-20 at 00:00 UTC.';
  const others = ['API key not valid.', 'User location is not supported', 'The model does not exist', claim];

  test.each<[string, unknown]>(
    others.flatMap((words): [string, unknown][] => [
      ['in quotation marks', said(`Invalid value: '${words}'. Supported values are: 'a' and 'b'.`)],
      ['in a list of what is wrong', said(`[{'type': 'string_type', 'loc': ('body', 'x'), 'input': '${words}'}]`)],
      ['far back', said(`${'This is wrong, and that is. '.repeat(8)}${words}`)],
      ['as the field of a validation error', { detail: [{ type: 'missing', msg: 'Field required', input: words }] }],
      ['as JSON in such a field', { detail: [{ type: 'missing', input: { error: { code: 'insufficient_quota' } } }] }],
      ['in plain text', words],
      ['cut off', `{"detail":[{"type":"missing","input":{"x":"${words.repeat(40)}","code":"insufficient_quota`],
    ]),
  )('cannot take the key or the model from other jobs: %s', (_where, body) => {
    const error = refuse({ status: 400, body });
    expect(error).toMatchObject({ code: 'REQUEST_REJECTED', details: { provider: 'upstream', status: 400 } });
    expect(error.details.benchMs).toBeUndefined();
  });
});

const rejected = (message: string): GatewayError => refuse({ status: 400, body: said(message) });

describe('for a person', () => {
  test('the message is one line of our own words', () => {
    const error = refuse({
      status: 429,
      body: { error: { code: 'insufficient_quota', message: 'You have $0.00\nof $5.00 left, Ada' } },
    });
    expect(error.message).toBe('upstream answered 429 (insufficient_quota): its credit or spend limit is used up');
  });

  test('the cause keeps of the provider’s sentence what cannot be secret', () => {
    const said = rejected(
      "Unsupported parameter: 'temperature' is not supported with this model. Key sk-proj-abc123 of ada@example.org sent 9000 tokens and 4111 1111 1111 1111.",
    );
    expect(said.cause).toBeInstanceOf(Error);
    expect((said.cause as Error).message).toBe(
      "Unsupported parameter: 'temperature' is not supported with this model. Key … of … 9000 tokens and …",
    );
  });

  test('there is no cause where nothing is left of it', () => {
    expect(rejected('Zwölf Boxkämpfer jagen Viktor').cause).toBeUndefined();
    expect(refuse({ status: 500, body: '' }).cause).toBeUndefined();
  });
});

test('the page about errors names every code', () => {
  const text = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8');
  for (const code of Object.keys(DISPOSITIONS)) expect(text).toContain(`| \`${code}\` |`);
});
