import type { ServerResponse } from 'node:http';
import OpenAI, { APIError } from 'openai';
import { describe, expect, test } from 'vitest';
import { type GatewayHarness, useGateway } from '../support/gateway.ts';
import { until } from '../support/harness.ts';
import { startUpstream } from '../support/upstream.ts';

const open = useGateway();
const MESSAGES = [{ role: 'user' as const, content: 'Say hello.' }];
const PRICE = { input: 1, output: 4 };
const PIECES = ['One', ' two', ' three'];

/**
 * Behind the gateway, a provider that sends a piece, and the next one only when `goOn` is called: a gateway that waits for
 * all of it would wait for ever. `order` is what happened; both models are the provider's.
 */
async function openSteps(end: (response: ServerResponse) => void) {
  let goOn: (() => void) | undefined;
  const order: string[] = [];
  const upstream = await startUpstream(async (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    for (const piece of PIECES) {
      const { promise, resolve } = Promise.withResolvers<void>();
      goOn = resolve;
      order.push(`sent${piece}`);
      response.write(chunk(piece));
      await promise;
    }
    end(response);
  });
  const gateway = await open({
    config: {
      providers: { live: { base_url: upstream.url, allow_private: true } },
      models: {
        small: { provider: 'live', id: 'vendor/small', price: PRICE },
        large: { provider: 'live', id: 'vendor/large', price: PRICE },
      },
    },
  });
  return { ...gateway, upstream, order, goOn: () => goOn?.() };
}

function chunk(content: string, finish_reason: string | null = null): string {
  const choices = [{ index: 0, delta: { content }, finish_reason }];
  return `data: ${JSON.stringify({ id: 'x', object: 'chat.completion.chunk', created: 1, model: 'm', choices })}\n\n`;
}

function startStream({ baseURL }: GatewayHarness) {
  const client = new OpenAI({ baseURL, apiKey: 'none' });
  return client.chat.completions.create({ model: 'sluice/auto', messages: MESSAGES, stream: true }).withResponse();
}

test('each piece is with the client before the provider sends the next one', async () => {
  const { order, goOn, ...gateway } = await openSteps((response) =>
    response.end(`${chunk('', 'stop')}data: [DONE]\n\n`),
  );
  const { data } = await startStream(gateway);
  for await (const { choices } of data) {
    const piece = choices[0]?.delta.content;
    if (!piece) continue;
    order.push(`got${piece}`);
    goOn();
  }
  expect(order).toEqual(PIECES.flatMap((piece) => [`sent${piece}`, `got${piece}`]));
});

describe('a provider that breaks off in the middle of a stream', () => {
  test.each<[string, (response: ServerResponse) => void]>([
    ['as its connection is lost', (response) => response.destroy()],
    ['without a reason of the end', (response) => response.end()],
    [
      'with an error',
      (response) => response.end(`data: ${JSON.stringify({ error: { message: 'no', code: 500 } })}\n\n`),
    ],
  ])('%s: the client has the text so far and an error, and nobody else goes on', async (_, end) => {
    const { goOn, upstream, ...gateway } = await openSteps(end);
    const { data, response } = await startStream(gateway);
    let text = '';
    const reading = (async () => {
      for await (const { choices } of data) {
        text += choices[0]?.delta.content ?? '';
        if (choices[0]?.delta.content) goOn();
      }
    })();
    const error = await reading.catch((failure: unknown) => failure);
    expect(error).toBeInstanceOf(APIError);
    expect(error).toMatchObject({ code: expect.stringMatching(/^provider_/) as unknown });
    expect(text).toBe(PIECES.join(''));
    expect(upstream.received).toHaveLength(1);
    expect(await gateway.usage()).toHaveLength(1);
    const id = response.headers.get('x-sluice-job-id') ?? '';
    await until('the job to end', async () => (await gateway.queue().getJobState(id)) === 'failed');
  });
});
