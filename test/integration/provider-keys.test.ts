import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { ConfigShape } from '../../src/domain/config.ts';
import { useHarness } from '../support/harness.ts';
import { attemptsOf, useOneJob } from '../support/run-one.ts';

const runOne = useOneJob();
const open = useHarness();

const ANSWER = {
  choices: [{ message: { role: 'assistant', content: 'four' }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 3, completion_tokens: 1 },
};

/** A provider that answers those who come with a good key, and says of each call which key it came with. */
async function startKeyedProvider(refusal: number): Promise<{ url: string; keysSeen: string[]; close: () => void }> {
  const keysSeen: string[] = [];
  const server = createServer((request, response) => {
    const key = request.headers.authorization?.replace('Bearer ', '') ?? '';
    keysSeen.push(key);
    const isGood = key.startsWith('good');
    request.resume();
    response.writeHead(isGood ? 200 : refusal, { 'content-type': 'application/json', connection: 'close' });
    response.end(JSON.stringify(isGood ? ANSWER : { error: { message: 'no', type: 'refused', code: null } }));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}/v1`, keysSeen, close: () => server.close() };
}

/** The bad ones come first, by their weight. */
function keysOf(names: readonly string[]) {
  return Object.fromEntries(
    names.map((name) => [name, { key: `${name}-key`, weight: name.startsWith('good') ? 0.000_001 : 1_000 }]),
  );
}

test.each([
  { refusal: 401, code: 'PROVIDER_AUTH' },
  { refusal: 402, code: 'PROVIDER_QUOTA' },
  { refusal: 429, code: 'PROVIDER_RATE_LIMITED' },
])(
  'a job that is answered $refusal with two of three keys goes on with the third, and spends no attempt on them',
  async ({ refusal, code }) => {
    const provider = await startKeyedProvider(refusal);
    try {
      const own = { base_url: provider.url, allow_private: true, api_keys: keysOf(['bad1', 'bad2', 'good']) };
      const job = { models: ['small'], max_attempts: 1 };
      const { result, usage } = await runOne([], job, { providers: { alpha: own, beta: own } });
      expect(attemptsOf(result)).toEqual([`small ${code}`, `small ${code}`, 'small completed']);
      expect(provider.keysSeen.toSorted()).toEqual(['bad1-key', 'bad2-key', 'good-key']);
      expect(new Set((await usage()).map(({ key }) => key))).toEqual(new Set(['bad1', 'bad2', 'good']));
    } finally {
      provider.close();
    }
  },
);

test('a job that is refused with every key ends with the reason, after one call with each', async () => {
  const provider = await startKeyedProvider(401);
  try {
    const own = { base_url: provider.url, allow_private: true, api_keys: keysOf(['bad1', 'bad2']) };
    const { result } = await runOne([], { models: ['small', 'large'] }, { providers: { alpha: own, beta: own } });
    expect(result).toMatchObject({ status: 'failed', error: { code: 'CHAIN_EXHAUSTED' } });
    expect(provider.keysSeen.toSorted()).toEqual(['bad1-key', 'bad2-key']);
  } finally {
    provider.close();
  }
});

test('a key that was mended is used at once, for it is another key', async () => {
  const provider = await startKeyedProvider(401);
  try {
    const own = (key: string) => ({ base_url: provider.url, allow_private: true, api_key: key });
    const harness = await open({ config: { providers: { alpha: own('bad-key'), beta: own('bad-key') } } });
    const pool = await harness.startPool();
    const [refused] = await harness.run([{ prompt: 'hello', model: 'small' }]);
    expect(refused).toMatchObject({ status: 'failed', error: { code: 'PROVIDER_AUTH' } });
    await pool.stop();

    const { providers } = ConfigShape.pick({ providers: true }).parse({
      providers: { alpha: own('good-key'), beta: own('good-key') },
    });
    await harness.startPool({ config: { ...harness.config, providers } });
    const [answered] = await harness.run([{ prompt: 'hello again', model: 'small' }]);
    expect(answered).toMatchObject({ status: 'completed' });
  } finally {
    provider.close();
  }
});
