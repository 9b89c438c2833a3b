import { once } from 'node:events';
import { type IncomingMessage, request as ask } from 'node:http';
import { connect } from 'node:net';
import { pino } from 'pino';
import { describe, expect, test } from 'vitest';
import { useGateway } from '../support/gateway.ts';
import { until } from '../support/harness.ts';

const open = useGateway();
const MESSAGES = [{ role: 'user', content: 'Say hello.' }];
const BODY = { model: 'sluice/auto', messages: MESSAGES };
const CHAT = '/v1/chat/completions';

/** Answers that come after a moment, so that something can happen meanwhile. */
function slowly(latencyMs: number) {
  const latency = { p50_ms: latencyMs, p95_ms: latencyMs };
  const models = { small: { provider: 'alpha', id: 'sim/small', price: { input: 1, output: 4 } } };
  return { profiles: { 'sim/small': { price: { input: 1, output: 4 }, latency } }, config: { models } };
}

describe('a gateway that stops', () => {
  test('finishes the answers under way, and takes no more requests', async () => {
    const { post, gateway, sim } = await open(slowly(400));
    const asking = post(CHAT, BODY);
    await until('the call', () => sim.ledger.totals().calls === 1);
    const stopping = gateway.stop(10_000);
    const late = await post(CHAT, BODY);
    expect([late.status, late.headers.get('x-should-retry')]).toEqual([503, 'true']);
    expect((await asking).status).toBe(200);
    await stopping;
    await expect(post(CHAT, BODY)).rejects.toThrow();
  });

  test('cuts off those that take longer than it may wait, and cancels their jobs', async () => {
    const { post, gateway, sim, calls } = await open(slowly(60_000));
    const asking = post(CHAT, BODY).catch(() => 'cut off');
    await until('the call', () => sim.ledger.totals().calls === 1);
    await gateway.stop(20);
    expect(await asking).toBe('cut off');
    await until('the end of the call', () => calls().some(({ status }) => status === 'aborted'));
  });
});

describe('an idempotency key', () => {
  test('makes the same request the same job', async () => {
    const { post, sim } = await open();
    const init = { headers: { 'idempotency-key': 'k-1' } };
    const answers = await Promise.all([post(CHAT, BODY, init), post(CHAT, BODY, init)]);
    const [one, other] = (await Promise.all(answers.map((answer) => answer.json()))) as [object, object];
    expect(other).toMatchObject({ id: (one as { id: string }).id, choices: (one as { choices: object }).choices });
    expect(sim.ledger.totals().calls).toBe(1);
    const changed = await post(CHAT, { ...BODY, temperature: 1 }, init);
    expect(changed.status).toBe(409);
  });

  test('lets the job survive its connection', async () => {
    const { post, sim } = await open(slowly(300));
    const controller = new AbortController();
    const headers = { 'idempotency-key': 'k-2' };
    const asking = post(CHAT, BODY, { headers, signal: controller.signal }).catch(() => {});
    await until('the call', () => sim.ledger.totals().calls === 1);
    controller.abort();
    await asking;
    expect((await post(CHAT, BODY, { headers })).status).toBe(200);
    expect(sim.ledger.totals()).toMatchObject({ calls: 1, answered: 1 });
  });
});

test('a worker that stops in the middle of an answer ends the job: nobody pays for a second one', async () => {
  const { post, startPool, sim, usage, ledger } = await open({
    ...slowly(0),
    faults: [{ model: '*', kind: 'drip', rate: 1, delayMs: 2 }],
    workers: false,
  });
  const pool = await startPool();
  const response = await post(CHAT, { ...BODY, stream: true });
  const events = response.body?.pipeThrough(new TextDecoderStream()).values();
  let text = '';
  while (!text.includes('"content":"')) text += (await events?.next())?.value ?? '';
  await Promise.all([pool.stop(0), startPool()]);
  for (let next = await events?.next(); next && !next.done; next = await events?.next()) text += next.value;
  expect(text).toContain('"code":"interrupted"');
  expect(text).not.toContain('[DONE]');
  await until('the books to be closed', async () => (await ledger.openAttempts()) === 0);
  expect(sim.ledger.totals().calls).toBe(1);
  expect(await usage()).toHaveLength(1);
});

test('an answer that was handed over is kept for less long than a failure', async () => {
  const { post, redis, keys } = await open({ config: { gateway: { keep_answers: '60s' } } });
  const ask = async (body: object): Promise<number> => {
    const jobId = (await post(CHAT, { ...BODY, ...body })).headers.get('x-sluice-job-id') ?? '';
    return redis.pttl(keys.result(jobId));
  };
  expect(await ask({})).toBeLessThanOrEqual(60_000);
  expect(await ask({ metadata: { sluice_deadline_ms: '1' } })).toBeGreaterThan(60_000);
});

test('a picture of a few megabytes is a job, and is not kept in the queue when that has completed', async () => {
  const { post, queue } = await open({
    config: {
      models: {
        eyes: { provider: 'alpha', id: 'sim/small', price: { input: 1, output: 4 }, capabilities: ['vision'] },
      },
    },
  });
  const url = `data:image/png;base64,${'A'.repeat(3_000_000)}`;
  const content = [{ type: 'image_url', image_url: { url } }];
  const answer = await post(CHAT, { model: 'eyes', messages: [{ role: 'user', content }] });
  expect(answer.status).toBe(200);
  await until('its end in the queue', async () => (await queue().getJobCounts())['active'] === 0);
  expect(await queue().getCompletedCount()).toBe(0);
});

test('a client that does not read holds up nobody, and the answer is whole when it reads on', async () => {
  const { gateway, post } = await open();
  const whole = (await (await post(CHAT, { ...BODY, model: 'small' })).json()) as {
    choices: { message: { content: string } }[];
  };
  const request = ask(gateway.url + CHAT, { method: 'POST', headers: { 'content-type': 'application/json' } });
  request.end(JSON.stringify({ ...BODY, model: 'small', stream: true }));
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  response.pause();
  expect((await post(CHAT, BODY)).status).toBe(200);
  let text = '';
  for await (const chunk of response) text += String(chunk);
  const pieces = text
    .split('\n\n')
    .filter((event) => event.startsWith('data: {'))
    .map((event) => (JSON.parse(event.slice(6)) as { choices: { delta: { content?: string } }[] }).choices[0]);
  expect(pieces.map((piece) => piece?.delta.content ?? '').join('')).toBe(whole.choices[0]?.message.content);
  expect(text.trimEnd().endsWith('data: [DONE]')).toBe(true);
});

test('a client that sends many requests in one go and goes away leaves nothing behind', async () => {
  const lines: { level: number; msg: string }[] = [];
  const logger = pino({ level: 'info' }, { write: (line) => void lines.push(JSON.parse(line)) });
  const { gateway, queue, redis, keys } = await open({ workers: false, gateway: { logger } });
  const { port, hostname } = new URL(gateway.url);
  const socket = connect(Number(port), hostname);
  const body = JSON.stringify(BODY);
  const head = ['host: localhost', 'content-type: application/json', `content-length: ${body.length}`].join('\r\n');
  socket.write(`POST ${CHAT} HTTP/1.1\r\n${head}\r\n\r\n${body}`.repeat(500));
  await until('jobs of it', async () => (await queue().getWaitingCount()) >= 100);
  socket.destroy();
  // All that were enqueued are cancelled: with a result that says so, their worker has nothing to do.
  await until('their end', async () => {
    const [waiting, ended] = [await queue().getWaitingCount(), await redis.keys(keys.result('*'))];
    return waiting === ended.length;
  });
  // It would wait for those who are still there.
  await gateway.stop(60_000);
  expect(await redis.keys(keys.result('*'))).toHaveLength(await queue().getWaitingCount());
  expect(lines).toEqual([]);
});
