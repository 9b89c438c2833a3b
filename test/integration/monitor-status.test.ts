import { type Browser, type BrowserContextOptions, type Page, chromium } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type MonitorServer, startMonitor } from '../../src/monitor/index.ts';
import { createApiKeyStore } from '../../src/store/api-keys.ts';
import { createRollups } from '../../src/store/rollups/rollups.ts';
import { findChromium } from '../support/chromium.ts';
import { usageRecord } from '../support/ledger-steps.ts';
import { type Harness, until, useHarness } from '../support/harness.ts';

const open = useHarness();
const SECRET = 'CONFIDENTIAL prompt';
const executablePath = findChromium();

let monitor: MonitorServer | undefined;
afterEach(async () => {
  await monitor?.stop();
  monitor = undefined;
});

async function start({ target, keys, config }: Harness): Promise<MonitorServer> {
  const lanes = Object.keys(config.lanes);
  monitor = await startMonitor({ redis: target, prefix: keys.prefix, lanes, config, port: 0, password: 'secret' });
  return monitor;
}

/** A job that fails for good, six that `medium` answers after `small` failed, and their bill added up. */
async function work(): Promise<Harness> {
  const harness = await open({
    faults: [{ model: 'sim/small', kind: 503, rate: 1 }],
    config: {
      circuit: { failures: 3 },
      tasks: { coding: {}, tough: {} },
      budgets: {
        everything: { limit_usd: 0.01, window: 'day', alert_at: 0.01 },
        'per-account': { limit_usd: 5, per: 'account' },
      },
    },
  });
  const pool = await harness.startPool();
  const [doomed] = await harness.run([{ prompt: SECRET, model: 'small', task: 'tough', max_attempts: 1 }]);
  expect(doomed?.status).toBe('failed');
  const jobs = Array.from({ length: 6 }, () => ({ prompt: SECRET, task: 'coding', account: 'ann' }));
  const results = await harness.run(jobs);
  expect(new Set(results.map(({ status }) => status))).toEqual(new Set(['completed']));
  await useKeys(harness);
  await createRollups(harness.redis, harness.keys).catchUp();
  await pool.stop();
  return harness;
}

/** Keys that have spent three of five dollars, all of one, and nothing; one that is revoked. */
async function useKeys({ redis, keys }: Harness): Promise<void> {
  const store = createApiKeyStore(redis, keys);
  const spent = { shop: 3e9, spree: 1e9 };
  for (const [name, nanos] of Object.entries(spent)) {
    const budget_usd = name === 'shop' ? 5 : 1;
    const { key } = await store.create({ name, account: 'retail', budget_usd, budget_window: 'total' });
    await redis.hset(keys.budget(`key:${key.id}`, 'total'), 'spent', nanos);
    const record = { ...usageRecord({ job: name }, 'completed', 1_000_000), api_key: key.id };
    await redis.xadd(keys.usage, '*', 'record', JSON.stringify(record));
  }
  await store.create({ name: 'idle', account: 'lab', budget_window: 'total' });
  const { key } = await store.create({ name: 'gone', account: 'lab', budget_window: 'total' });
  await store.revoke(key.id);
}

/** The words of one part of the page. */
function partOf(page: string, id: string): string {
  const start = page.indexOf(`aria-labelledby="${id}"`);
  return page
    .slice(start, page.indexOf('</section>', start))
    .replaceAll(/<[^>]+>|\s+/g, ' ')
    .replaceAll(/\s+/g, ' ');
}

const basic = { authorization: `Basic ${Buffer.from('sluice:secret').toString('base64')}`, accept: 'text/html' };
async function readPage(): Promise<string> {
  const response = await fetch(`${monitor?.url}/`, { headers: basic });
  expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8');
  return response.text();
}

describe('the status page', () => {
  test('tells what was called, spent and what failed, and repeats no prompt', async () => {
    const harness = await work();
    await start(harness);
    const page = await readPage();
    const { spentNanos } = await harness.money();
    expect(spentNanos).toBeGreaterThan(0);
    expect(page).toContain('<b>small</b> takes no calls (<code>PROVIDER_OVERLOADED</code>)');
    expect(page).toContain('Budget <b>everything</b> is at');
    expect(page).toContain('<b>per-account/ann</b>');
    expect(page).toMatch(
      /The budget of key <b>spree<\/b> is spent. More: <code>sluice budget top-up key:[0-9a-f]{12}</,
    );
    expect(partOf(page, 'budgets')).toMatch(/key spree total .* key shop total \$1?3/);
    expect(partOf(page, 'keys')).toMatch(
      /spree retail \$1.* of \$1.* 1 \$0.001.*shop retail \$3.* of \$5.* 1 \$0.001.*idle lab – – –/,
    );
    expect(partOf(page, 'keys')).not.toContain('gone');
    expect(page).toMatch(/<dt>Calls today<\/dt>\s*<dd>\d+<\/dd>\s*<dd>\d+ failed/);
    expect(page).toContain('tough');
    expect(page).not.toContain('CONFIDENTIAL');
  });

  test('of a new installation says what to do', async () => {
    const harness = await open({ config: { budgets: {} } });
    await start(harness);
    const page = await readPage();
    expect(page).toContain('All is well');
    for (const command of ['sluice worker', 'sluice batch run', 'POST /v1/batches', 'budgets:'])
      expect(page).toContain(`<code>${command}`);
  });
});

describe.skipIf(executablePath === undefined)('in a browser', () => {
  let browser: Browser;
  beforeAll(async () => {
    // The sandbox wants privileges that containers do not have; nothing but our own pages is opened.
    browser = await chromium.launch({ ...(executablePath ? { executablePath } : {}), args: ['--no-sandbox'] });
  });
  afterAll(() => browser?.close());

  /** Logs in by the form. `wrong` collects what should not happen: complaints on the console, requests to other hosts. */
  async function logIn(options: BrowserContextOptions): Promise<{ page: Page; wrong: string[] }> {
    const { url } = monitor ?? { url: '' };
    const context = await browser.newContext(options);
    const wrong: string[] = [];
    const page = await context.newPage();
    await page.clock.install();
    page.on('console', (message) => void (['error', 'warning'].includes(message.type()) && wrong.push(message.text())));
    page.on('pageerror', (error) => void wrong.push(error.message));
    page.on('request', (request) => void (request.url().startsWith(url) || wrong.push(request.url())));
    await page.goto(url);
    await page.getByLabel('User').fill('sluice');
    await page.getByLabel('Password').fill('secret');
    await page.getByRole('button', { name: 'Log in' }).click();
    await page.getByRole('heading', { name: 'Lanes' }).waitFor();
    return { page, wrong };
  }

  const WAYS: Record<string, BrowserContextOptions & { viewport: { width: number; height: number } }> = {
    wide: { viewport: { width: 1280, height: 900 } },
    'wide in the dark, without scripts': {
      viewport: { width: 1280, height: 900 },
      colorScheme: 'dark',
      javaScriptEnabled: false,
    },
    'on a phone': { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true },
    'on a phone in the dark, without scripts': {
      viewport: { width: 390, height: 844 },
      colorScheme: 'dark',
      javaScriptEnabled: false,
    },
  };

  test('is whole and quiet, wide and on a phone, with and without scripts', async () => {
    const harness = await work();
    await start(harness);
    for (const [way, options] of Object.entries(WAYS)) {
      const { page, wrong } = await logIn(options);
      const region = (name: string) => page.getByRole('region', { name });
      await region('Models').getByText('left alone').waitFor();
      expect(
        await region('Models')
          .getByRole('row', { name: /medium/ })
          .textContent(),
        way,
      ).toMatch(/\$\d/);
      expect(await region('Last failures').textContent(), way).toContain('PROVIDER_OVERLOADED');
      expect(await region('Accounts').textContent(), way).toContain('ann');
      const reach = await page
        .locator('.page')
        .evaluate((element) => element.ownerDocument.documentElement.scrollWidth);
      expect(reach, way).toBe(options.viewport.width);
      const pictures = process.env['SLUICE_SCREENSHOTS'];
      if (pictures) await page.screenshot({ path: `${pictures}/${way.replaceAll(/\W+/g, '-')}.png`, fullPage: true });
      expect(wrong, way).toEqual([]);
      await page.context().close();
    }
  });

  test('looks again by itself, and fades when nobody answers', async () => {
    const harness = await open();
    const { url } = await start(harness);
    const { page } = await logIn({});
    await harness.producer.enqueue({ prompt: SECRET });
    const looksAgain = () => page.clock.runFor(5_000);
    const waiting = page.getByRole('region', { name: 'Lanes' }).getByRole('link', { name: '1', exact: true });
    await until('the job to be shown', async () => {
      await looksAgain();
      return waiting.isVisible();
    });
    expect(await page.title()).toBe('(1) Sluice');
    expect(page.url()).toBe(`${url}/`);
    await monitor?.stop();
    await looksAgain();
    await page.locator('html.stale').waitFor({ state: 'attached' });
    await page.context().close();
  });
});
