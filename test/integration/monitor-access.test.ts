import { afterEach, beforeEach, describe, expect, inject, test } from 'vitest';
import { InputError } from '../../src/domain/errors.ts';
import { resolveCredentials } from '../../src/monitor/credentials.ts';
import { createFailureLimit } from '../../src/domain/failure-limit.ts';
import { type MonitorServer, startMonitor } from '../../src/monitor/index.ts';
import { createSessions } from '../../src/monitor/sessions.ts';

const PAGE = { accept: 'text/html,application/xhtml+xml' };
const target = () => ({
  redis: { path: inject('redisSocket') },
  prefix: '{monitor-access}',
  lanes: ['interactive'],
  port: 0,
});

let monitor: MonitorServer;
beforeEach(async () => {
  monitor = await startMonitor({ ...target(), user: 'ada', password: 'correct: horse' });
});
afterEach(() => monitor.stop());

function request(path: string, init: RequestInit = {}): Promise<Response> {
  return fetch(monitor.url + path, { redirect: 'manual', ...init });
}

function logIn(fields: Record<string, string>, headers: Record<string, string> = {}): Promise<Response> {
  return request('/login', { method: 'POST', headers, body: new URLSearchParams(fields) });
}

function basic(user: string, password: string): { authorization: string } {
  return { authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` };
}

describe('the log-in form', () => {
  test('is where a person without a session is sent, and leads back to the page that was asked for', async () => {
    const refused = await request('/board/queue/interactive?status=failed', { headers: PAGE });
    expect(refused.status).toBe(302);
    const location = refused.headers.get('location') ?? '';
    expect(location).toBe('/login?next=%2Fboard%2Fqueue%2Finteractive%3Fstatus%3Dfailed');
    const form = await (await request(location)).text();
    expect(form).toContain('name="next" value="/board/queue/interactive?status=failed"');

    const opened = await logIn({ user: 'ada', password: 'correct: horse', next: '/board/queue/interactive' });
    expect(opened.status).toBe(303);
    expect(opened.headers.get('location')).toBe('/board/queue/interactive');
    const cookie = opened.headers.getSetCookie()[0]?.split(';')[0] ?? '';
    const board = await request('/board', { headers: { ...PAGE, cookie } });
    expect(board.status).toBe(200);
    expect(await board.text()).toContain('<title>Sluice</title>');
    const home = await request('/', { headers: { ...PAGE, cookie } });
    expect(home.status).toBe(200);
    expect(await home.text()).toContain('All is well');
  });

  test('sets a cookie that scripts and other sites cannot use, for twelve hours', async () => {
    const opened = await logIn({ user: 'ada', password: 'correct: horse' });
    const [value, ...attributes] = (opened.headers.getSetCookie()[0] ?? '').split('; ');
    expect(value).toMatch(/^sluice_session=\d+\.[\w-]{43}$/);
    expect(attributes.toSorted()).toEqual(['HttpOnly', 'Max-Age=43200', 'Path=/', 'SameSite=Strict']);
  });

  test.each([
    ['https://evil.example/'],
    ['//evil.example/'],
    ['/\\evil.example/'],
    ['javascript:alert(1)'],
    ['/\t/evil.example'],
  ])('never leads to another host: %s', async (next) => {
    const opened = await logIn({ user: 'ada', password: 'correct: horse', next });
    expect(opened.headers.get('location')).toBe('/');
  });

  test('escapes what it is asked to carry', async () => {
    const form = await (await request(`/login?next=${encodeURIComponent('/x?"><script>alert(1)</script>')}`)).text();
    expect(form).not.toContain('<script');
  });

  test('refuses a wrong user, a wrong password and a forged cookie', async () => {
    const bad: Record<string, string>[] = [
      { user: 'eve', password: 'correct: horse' },
      { user: 'ada', password: 'x' },
      {},
    ];
    for (const fields of bad) {
      const refused = await logIn(fields);
      expect(refused.status).toBe(401);
      expect(refused.headers.getSetCookie()).toEqual([]);
      expect(await refused.text()).toContain('Wrong user or password.');
    }
    const later = Date.now() + 3_600_000;
    for (const cookie of [`sluice_session=${later}.`, `sluice_session=${later}.${'A'.repeat(43)}`, 'sluice_session=']) {
      expect((await request('/board/api/queues', { headers: { cookie } })).status).toBe(401);
    }
  });

  test('answers the eleventh try with 429 when ten have failed, also with the right password', async () => {
    for (let round = 0; round < 5; round += 1) {
      expect((await logIn({ user: 'ada', password: `wrong ${round}` })).status).toBe(401);
      expect((await request('/metrics', { headers: basic('ada', `wrong ${round}`) })).status).toBe(401);
    }
    const eleventh = await logIn({ user: 'ada', password: 'correct: horse' });
    expect(eleventh.status).toBe(429);
    expect(Number(eleventh.headers.get('retry-after'))).toBeGreaterThan(0);
    expect((await request('/metrics', { headers: basic('ada', 'correct: horse') })).status).toBe(429);
  });

  test('can be left again', async () => {
    const left = await request('/logout', { method: 'POST' });
    expect(left.headers.get('location')).toBe('/login');
    expect(left.headers.getSetCookie()[0]).toMatch(/^sluice_session=; Max-Age=0;/);
  });

  test('takes no log-in from the page of another site', async () => {
    const fields = { user: 'ada', password: 'correct: horse' };
    expect((await logIn(fields, { origin: 'https://evil.example' })).status).toBe(403);
    expect((await logIn(fields, { origin: 'null' })).status).toBe(403);
    expect((await logIn(fields, { origin: monitor.url })).status).toBe(303);
  });
});

describe('HTTP Basic', () => {
  test('opens the metrics and the board to programs', async () => {
    const headers = basic('ada', 'correct: horse');
    expect((await request('/metrics', { headers })).status).toBe(200);
    expect((await request('/board/api/queues', { headers })).status).toBe(200);
  });

  test('is asked of a program, but not of the board, over which a browser would open its own dialog', async () => {
    const program = await request('/metrics');
    expect(program.status).toBe(401);
    expect(program.headers.get('www-authenticate')).toMatch(/^Basic /);
    const page = await request('/board/api/queues');
    expect(page.status).toBe(401);
    expect(page.headers.get('www-authenticate')).toBeNull();
  });

  test.each([['Basic'], ['Basic ????'], ['Basic YWRh'], ['Bearer YWRhOmNvcnJlY3Q6IGhvcnNl']])(
    'refuses the header "%s"',
    async (authorization) => {
      expect((await request('/metrics', { headers: { authorization } })).status).toBe(401);
    },
  );
});

describe('every answer', () => {
  test('carries the security headers', async () => {
    for (const path of ['/login', '/healthz', '/metrics', '/no-such-page']) {
      const { headers } = await request(path);
      expect(headers.get('content-security-policy')).toContain("default-src 'none'; script-src 'self';");
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(headers.get('x-frame-options')).toBe('DENY');
      expect(headers.get('referrer-policy')).toBe('same-origin');
      expect(headers.get('cache-control')).toBe('no-store');
    }
  });
});

describe('the credentials', () => {
  test('are made up anew at every start on loopback when none are given', async () => {
    const first = resolveCredentials('127.0.0.1', {});
    const second = resolveCredentials('::1', {});
    expect(first).toMatchObject({ isGenerated: true, credentials: { user: 'sluice' } });
    expect(first.credentials.password).toMatch(/^[\w-]{20}$/);
    expect(second.credentials.password).not.toBe(first.credentials.password);
    const generated = await startMonitor(target());
    try {
      expect(generated.credentials?.user).toBe('sluice');
      const headers = basic('sluice', generated.credentials?.password ?? '');
      expect((await fetch(`${generated.url}/metrics`, { headers })).status).toBe(200);
    } finally {
      await generated.stop();
    }
    expect(monitor.credentials).toBeUndefined();
  });

  test.each([
    ['0.0.0.0', {}],
    ['::', { user: 'ada' }],
    ['192.168.1.7', { password: 'x' }],
    ['127.0.0.1.evil.example', { user: 'ada', password: '' }],
  ])('must be given where others can reach the monitor: %s', async (host, given) => {
    const start = startMonitor({ ...target(), host, ...given });
    await expect(start).rejects.toThrow(InputError);
    await expect(start).rejects.toThrow(
      `the board on ${host} can be reached by others: give it --user and SLUICE_BOARD_PASSWORD`,
    );
  });
});

describe('time', () => {
  test('ends a session after twelve hours', () => {
    let now = 1_000_000;
    const sessions = createSessions(() => now);
    const cookie = sessions.open().split(';')[0];
    expect(sessions.isOpen(`theme=dark; ${cookie}`)).toBe(true);
    expect(createSessions(() => now).isOpen(cookie)).toBe(false);
    now += 12 * 3_600_000;
    expect(sessions.isOpen(cookie)).toBe(false);
  });

  test('forgives failed log-ins after a minute', () => {
    let now = 1_000_000;
    const limit = createFailureLimit(() => now);
    for (let count = 0; count < 10; count += 1) limit.count('10.0.0.1');
    expect(limit.isReached('10.0.0.1')).toBe(true);
    expect(limit.isReached('10.0.0.2')).toBe(false);
    now += 60_000;
    expect(limit.isReached('10.0.0.1')).toBe(false);
  });
});
