import OpenAI from 'openai';
import { describe, expect, test } from 'vitest';
import { delayAfter } from '../../src/gateway/batches/webhook-sender.ts';
import { signatureHeaders } from '../../src/gateway/batches/webhook-signature.ts';
import { problemOfWebhook } from '../../src/providers/index.ts';

describe('the signature of a webhook', () => {
  test('is the one of the standard’s own example', () => {
    // https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
    const headers = signatureHeaders(
      'msg_p5jXN8AQM9LWM0D4loKWxJek',
      '{"test": 2432232314}',
      'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
      1_614_265_330_000,
    );
    expect(headers).toEqual({
      'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
      'webhook-timestamp': '1614265330',
      'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
    });
  });

  test('is not believed by OpenAI’s client when it is old', async () => {
    const secret = `whsec_${'a'.repeat(32)}`;
    const { webhooks } = new OpenAI({ apiKey: 'none' });
    const at = (time: number) => webhooks.unwrap('{}', signatureHeaders('evt_1', '{}', secret, time), secret);
    await expect(at(Date.now())).resolves.toEqual({});
    await expect(at(Date.now() - 3_600_000)).rejects.toThrow('too old');
  });
});

test('a webhook is tried again later and later, about twenty times in a day', () => {
  const delays = Array.from({ length: 30 }, (_, index) => delayAfter(index + 1));
  expect(delays).toEqual(delays.toSorted((a, b) => a - b));
  let [sum, tries] = [0, 1];
  for (const delay of delays) if ((sum += delay) <= 86_400_000) tries += 1;
  expect(tries).toBeGreaterThan(12);
  expect(tries).toBeLessThan(25);
});

test.each([
  ['https://example.com/hook', false, undefined],
  ['https://8.8.8.8/', false, undefined],
  ['http://8.8.8.8/', true, 'expected an https URL'],
  ['http://localhost:1/', true, undefined],
  ['http://[::1]:1/', true, undefined],
  ['http://hooks.invalid/', true, 'expected an https URL: its host is not known as one of a private network'],
  ['http://hooks.invalid/', false, 'expected an https URL'],
  ['https://hooks.invalid/', false, undefined],
  ['https://[::ffff:127.0.0.1]/', false, 'a private address; the operator has not allowed these'],
  ['https://169.254.169.254/', true, 'a link-local or reserved address, which is never called'],
  ['https://localhost/', false, 'a private address; the operator has not allowed these'],
])('%s with private addresses allowed: %s', async (url, allowPrivate, problem) => {
  expect(await problemOfWebhook(url, allowPrivate)).toBe(problem);
});
