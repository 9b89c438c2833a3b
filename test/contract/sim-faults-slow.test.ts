import { once } from 'node:events';
import { type IncomingMessage, request as httpRequest } from 'node:http';
import { describe, expect, onTestFinished, test } from 'vitest';
import { parseFaultRule } from '../../src/sim/faults.ts';
import type { Sim } from '../../src/sim/server.ts';
import { ask, prompt, read, start } from './sim-client.ts';

/** Headers of a call whose body is still to come; the call is dropped at the end of the test. */
async function open(sim: Sim, body: object): Promise<IncomingMessage> {
  const call = httpRequest(`${sim.url}/chat/completions`, { method: 'POST', agent: false });
  onTestFinished(() => void call.destroy());
  call.end(JSON.stringify(body));
  const [response] = (await once(call, 'response')) as [IncomingMessage];
  response.on('error', () => {});
  return response;
}

function drop(response: IncomingMessage): void {
  response.destroy();
}

describe('slow answers', () => {
  test('drip sends the right answer one byte at a time; it is billed when the last byte has left', async () => {
    const sim = await start({ faults: [parseFaultRule('*=drip,delay_ms=1')] });
    const whole = await ask(await start(), prompt('12345678', { max_tokens: 4 }));
    const response = await open(sim, prompt('12345678', { max_tokens: 4 }));
    expect(sim.ledger.totals()).toMatchObject({ calls: 1, answered: 0 });
    const pieces: Buffer[] = [];
    for await (const piece of response) pieces.push(piece as Buffer);
    expect(pieces.length).toBeGreaterThan(50);
    const text = Buffer.concat(pieces).toString();
    expect(read({ ...whole, text })).toEqual(read(whole));
    expect(sim.ledger.totals()).toMatchObject({ answered: 1, input_tokens: 2, output_tokens: 4 });
  });

  test('drip drips a stream as well', async () => {
    const sim = await start({ faults: [parseFaultRule('*=drip,delay_ms=1')] });
    const response = await open(sim, prompt('x', { stream: true, max_tokens: 4 }));
    const pieces: Buffer[] = [];
    for await (const piece of response) pieces.push(piece as Buffer);
    expect(pieces.length).toBeGreaterThan(50);
    expect(Buffer.concat(pieces).toString()).toMatch(/^data: [^]*data: \[DONE\]\n\n$/);
  });

  test('a client that leaves a dripping answer is counted as aborted and not billed', async () => {
    const sim = await start({ faults: [parseFaultRule('*=drip,delay_ms=1000')] });
    const response = await open(sim, prompt('x'));
    await once(response, 'data');
    drop(response);
    await expect.poll(() => sim.ledger.totals().aborted, { interval: 2 }).toBe(1);
    expect(sim.ledger.totals()).toMatchObject({ answered: 0, cost_nanos: 0 });
  });

  test.each([false, true])('stall sends half of the answer and keeps the connection (streamed: %s)', async (stream) => {
    const sim = await start({ faults: [parseFaultRule('*=stall')] });
    const response = await open(sim, prompt('x', { stream }));
    const [half] = (await once(response, 'data')) as [Buffer];
    const announced = Number(response.headers['content-length'] ?? 2 * half.length);
    expect(Math.abs(half.length - announced / 2)).toBeLessThanOrEqual(1);
    // What it was asked meanwhile is answered: by then an answer that only paused would have gone on.
    expect((await fetch(new URL('/healthz', sim.url))).status).toBe(200);
    expect([response.complete, response.destroyed]).toEqual([false, false]);
    expect(sim.ledger.totals()).toMatchObject({ calls: 1, answered: 0, failed: 0, aborted: 0 });
    drop(response);
    await expect.poll(() => sim.ledger.totals().aborted, { interval: 2 }).toBe(1);
  });
});
