import { describe, expect, test } from 'vitest';
import { checkProviders } from '../../src/cli/checks/providers.ts';
import { Config } from '../../src/domain/config.ts';
import { startFixedUpstream, startUpstream } from '../support/upstream.ts';

async function check(baseUrl: string, provider: object = {}, ids: readonly string[] = ['vendor/small-1']) {
  const models = ids.map((id, index) => [`model-${index}`, { provider: 'it', id, price: { input: 1, output: 1 } }]);
  const config = Config.parse({
    providers: { it: { base_url: baseUrl, allow_private: true, ...provider } },
    models: Object.fromEntries(models),
  });
  const findings = await checkProviders(config);
  return findings.map(({ status, message }) => [status, message.replaceAll(baseUrl, 'URL').replace(/\d+ ms/, 'N ms')]);
}

const list = (...ids: string[]): object => ({ object: 'list', data: ids.map((id) => ({ id, object: 'model' })) });
const page = '<!doctype html><title>Welcome</title>';

describe('the check of a provider', () => {
  test('is content with one that lists our models', async () => {
    const upstream = await startFixedUpstream(200, list('vendor/small-1', 'vendor/large-1'));
    expect(await check(`${upstream.url}/v1`)).toEqual([['ok', 'it answers in N ms (URL)']]);
  });

  test('asks with every key, and says which one is refused', async () => {
    const upstream = await startUpstream((response, { headers }) => {
      response.writeHead(headers.authorization === 'Bearer sk-good-1' ? 200 : 401);
      response.end(JSON.stringify(list('vendor/small-1')));
    });
    const keys = { good: { key: 'sk-good-1' }, bad: { key: 'sk-bad-2' }, later: { key: 'not-set' } };
    const findings = await check(upstream.url, { api_keys: keys });
    expect(findings).toEqual([
      ['ok', 'it (key good) answers in N ms (URL)'],
      ['fail', expect.stringMatching(/^it \(key bad\): it answered 401.*check its api_key; its base_url is URL$/)],
      ['warn', 'it (key later) was not asked: it has no key yet'],
    ]);
    expect(upstream.received).toHaveLength(2);
    expect(JSON.stringify(findings)).not.toContain('sk-');
  });

  test('does not take OpenRouter’s public list for a key that is good', async () => {
    const upstream = await startUpstream((response, { path }) => {
      response.writeHead(path === '/api/v1/models' ? 200 : 401, { 'content-type': 'application/json' });
      response.end(JSON.stringify(path === '/api/v1/models' ? list('a') : { error: { code: 401 } }));
    });
    const provider = { kind: 'openrouter', api_key: 'sk-or-v1-1' };
    expect(await check(`${upstream.url}/api/v1`, provider)).toMatchObject([['fail', expect.stringContaining('401')]]);
  });

  test('names ids that are not listed, with what may be meant', async () => {
    const upstream = await startFixedUpstream(200, list('vendor/small-1', 'vendor/large-1', 'llama:latest', 'open/*'));
    const ids = ['vendor/smal-1', 'zzz', 'vendor/large-1:floor', 'llama', 'open/any', '@preset/mine', 'vendor/small-1'];
    expect(await check(upstream.url, {}, ids)).toEqual([
      ['ok', 'it answers in N ms (URL)'],
      ['warn', 'model model-0: it does not list vendor/smal-1; did you mean vendor/small-1?'],
      ['warn', 'model model-1: it does not list zzz'],
    ]);
  });

  test('says nothing of deployments, which no list has', async () => {
    const upstream = await startFixedUpstream(200, list('gpt-5-mini-2025-08-07'));
    const provider = { kind: 'azure', azure: { api_version: '2024-10-21' } };
    expect(await check(upstream.url, provider)).toEqual([['ok', 'it answers in N ms (URL)']]);
    expect(upstream.received[0]?.path).toBe('/openai/models?api-version=2024-10-21');
  });

  test.each<[string, number, unknown, string, RegExp]>([
    ['other JSON', 200, { hello: 'there' }, 'warn', /^it answers, but with no list of models \(URL\); is the base_url/],
    ['a page', 200, page, 'fail', /^it answered 200 with a body that is not JSON \(URL\); is the base_url right\?$/],
    ['404', 404, {}, 'fail', /^it answers 404 for its list of models \(URL\); is the base_url right\?$/],
    ['a page and 404', 404, page, 'fail', /404.*is the base_url right/],
    ['a redirect', 307, '', 'fail', /^it answered 307.*is the base_url right/],
    ['405', 405, {}, 'warn', /^it answers, but has no list of models \(URL\)$/],
    ['429', 429, {}, 'warn', /^it answers, but limits our calls now \(429\)$/],
    ['503', 503, {}, 'fail', /^it answered 503.*; its base_url is URL$/],
  ])('of one that answers %s', async (_what, status, body, expected, message) => {
    const upstream = await startFixedUpstream(status, body);
    expect(await check(upstream.url)).toEqual([[expected, expect.stringMatching(message)]]);
  });
});
