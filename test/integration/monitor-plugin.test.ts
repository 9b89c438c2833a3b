import { fastify } from 'fastify';
import { expect, inject, test } from 'vitest';
import { createMonitor } from '../../src/monitor/index.ts';

test('beside other routes the monitor keeps its headers, its log-in and its errors to itself', async () => {
  let reason: string | undefined;
  const redis = { path: inject('redisSocket') };
  const monitor = await createMonitor({
    redis,
    prefix: '{monitor-plugin}',
    lanes: ['batch'],
    whyUnready: () => reason,
  });
  const app = fastify();
  app.post('/v1/echo', (request) => request.body);
  app.register(monitor.plugin);
  try {
    const payload = { text: 'x'.repeat(100_000) };
    const ours = await app.inject({
      method: 'POST',
      url: '/v1/echo',
      headers: { origin: 'https://else.where' },
      payload,
    });
    expect(ours.json()).toEqual(payload);
    expect(ours.headers['content-security-policy']).toBeUndefined();
    const bad = await app.inject({
      method: 'POST',
      url: '/v1/echo',
      headers: { 'content-type': 'application/json' },
      payload: '{',
    });
    expect(bad.json()).toMatchObject({ statusCode: 400 });
    expect((await app.inject('/v1/unknown')).headers['content-security-policy']).toBeUndefined();

    const page = await app.inject({ url: '/', headers: { accept: 'text/html' } });
    expect([page.statusCode, page.headers['location']]).toEqual([302, '/login?next=%2F']);
    expect(page.headers['content-security-policy']).toContain("default-src 'none'");
    const { user = '', password = '' } = monitor.credentials ?? {};
    const authorization = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
    expect((await app.inject({ url: '/metrics', headers: { authorization } })).body).toContain('sluice_redis_up 1');

    expect((await app.inject('/readyz')).statusCode).toBe(200);
    reason = 'draining';
    expect((await app.inject('/readyz')).json()).toEqual({ status: 'unready', reason });
  } finally {
    await app.close();
    await monitor.stop();
  }
});
