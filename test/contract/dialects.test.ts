import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { AnswerPiece } from '../../src/domain/answer-piece.ts';
import { GatewayError } from '../../src/domain/errors.ts';
import { PROVIDER_KINDS, type ProviderKind } from '../../src/domain/provider-config.ts';
import type { Completion } from '../../src/domain/result.ts';
import { putTogether, saidIn } from '../support/pieces.ts';
import {
  CANARY,
  complete,
  connectProvider,
  MODEL,
  startFixedUpstream,
  startStreamingUpstream,
  type TestCall,
  type Upstream,
} from '../support/upstream.ts';
import { anthropicCases } from './cases/anthropic.ts';
import { azureCases } from './cases/azure.ts';
import { type DialectCase, type DialectCases, REQUIRED_CASES } from './cases/case.ts';
import { googleCases } from './cases/google.ts';
import { heliconeCases } from './cases/helicone.ts';
import { litellmCases } from './cases/litellm.ts';
import { openaiCases } from './cases/openai.ts';
import { openrouterCases } from './cases/openrouter.ts';
import { portkeyCases } from './cases/portkey.ts';

const DIALECTS: Record<ProviderKind, DialectCases> = {
  openai: openaiCases,
  azure: azureCases,
  openrouter: openrouterCases,
  litellm: litellmCases,
  portkey: portkeyCases,
  helicone: heliconeCases,
  anthropic: anthropicCases,
  google: googleCases,
};

type Outcome = Completion | GatewayError;

/** Streamed, the pieces that it is told in must come to the same answer. */
async function ask(upstream: Upstream, dialect: DialectCases, example: DialectCase, stream: boolean): Promise<Outcome> {
  const provider = connectProvider(`${upstream.url}/v1`, { ...dialect.provider, stream });
  const call: TestCall = {
    model: { ...MODEL, id: dialect.modelId },
    request: {
      messages: [{ role: 'user', content: 'Say hello.' }],
      maxTokens: 64,
      parameters: {},
      ...example.request,
    },
  };
  const pieces: AnswerPiece[] = [];
  if (stream) call.onPiece = (piece) => pieces.push(piece);
  const outcome = await complete(provider, call).catch((error: unknown) => error as GatewayError);
  if (stream && !(outcome instanceof GatewayError)) expect(putTogether(pieces)).toEqual(saidIn(outcome));
  return outcome;
}

function expectGiven(outcome: Outcome, { gives }: DialectCase): void {
  if ('error' in gives) {
    expect(outcome).toBeInstanceOf(GatewayError);
    expect(outcome).toMatchObject({ code: gives.error, details: { provider: 'upstream' } });
    expect(JSON.stringify(outcome)).not.toContain(CANARY.key);
  } else {
    if (outcome instanceof GatewayError) throw outcome;
    expect(outcome).toMatchObject(gives.completion);
  }
}

function expectSent(upstream: Upstream, { sends = {} }: DialectCase): void {
  expect(upstream.received).toHaveLength(1);
  const [received] = upstream.received;
  const body = JSON.parse(received?.body ?? '') as Record<string, unknown>;
  expect(body).toMatchObject(sends.body ?? {});
  for (const field of sends.without ?? []) expect(body).not.toHaveProperty(field);
  expect(received?.headers).toMatchObject(sends.headers ?? {});
}

test('every kind of provider has its cases, and every one of them the required ones', () => {
  expect(Object.keys(DIALECTS).toSorted()).toEqual([...PROVIDER_KINDS].toSorted());
  for (const { cases } of Object.values(DIALECTS)) {
    const names = cases.map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining([...REQUIRED_CASES]));
    expect(new Set(names).size).toBe(names.length);
    expect(cases.filter(({ streams }) => streams).length).toBeGreaterThan(REQUIRED_CASES.length / 2);
  }
});

describe.each(Object.entries(DIALECTS))('%s', (_kind, dialect) => {
  const streamed = dialect.cases.filter(({ streams }) => streams !== undefined);

  test.each(dialect.cases)('$name', async (example) => {
    const { body, headers } = example.answers;
    const upstream = await startFixedUpstream(200, body, headers);
    const outcome = await ask(upstream, dialect, example, false);
    expectSent(upstream, example);
    expectGiven(outcome, example);
  });

  test.each(streamed)('$name, streamed', async (example) => {
    const upstream = await startStreamingUpstream([example.streams ?? ''], example.answers.headers);
    expectGiven(await ask(upstream, dialect, example, true), example);
  });

  test.each(streamed)('$name, streamed, wherever the network cuts it', async (example) => {
    const bytes = new TextEncoder().encode(example.streams);
    const whole = await startStreamingUpstream([bytes], example.answers.headers);
    const expected = await ask(whole, dialect, example, true);
    const cuts = fc.uniqueArray(fc.integer({ min: 1, max: bytes.length - 1 }), { minLength: 1, maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(cuts, async (positions) => {
        const edges = [0, ...positions.toSorted((left, right) => left - right), bytes.length];
        const pieces = edges.slice(1).map((end, index) => bytes.subarray(edges[index], end));
        const upstream = await startStreamingUpstream(pieces, example.answers.headers);
        expect(await ask(upstream, dialect, example, true)).toEqual(expected);
      }),
      { numRuns: 4 },
    );
  });

  test('an answer that was to be streamed and came whole is one all the same', async () => {
    const [plain] = dialect.cases;
    if (plain === undefined) throw new Error('no cases');
    const upstream = await startFixedUpstream(200, plain.answers.body, plain.answers.headers);
    expectGiven(await ask(upstream, dialect, plain, true), plain);
  });
});
