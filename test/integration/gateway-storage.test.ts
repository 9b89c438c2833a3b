import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import type { RateLimits } from '../../src/domain/provider-config.ts';
import { takeStep } from '../../src/gateway/batches/steps.ts';
import type { Caller } from '../../src/gateway/caller.ts';
import { openFileStore } from '../../src/gateway/files/file-store.ts';
import type { BatchOrder } from '../../src/store/batch-orders.ts';
import { createFileFolder } from '../../src/store/file-folder.ts';
import { createOrderDriving } from '../../src/store/order-driving.ts';
import { type Batch, chatLine, useBatchGateway } from '../support/batch-gateway.ts';
import { until } from '../support/harness.ts';

const open = useBatchGateway();
const DAY_MS = 86_400_000;
const DAY = { endpoint: '/v1/chat/completions' as const, completion_window: '24h' as const };
const fileOf = (size: number): File => new File(['x'.repeat(size)], 'a');
const ids = (count: number): string[] => Array.from({ length: count }, (_, index) => `row-${index}`);

/** What an entry of a file would be that names another place on this machine. */
function craftedEntry(id: string): string {
  const said = { account: 'default', purpose: 'batch', filename: 'a', bytes: 6, place: 'folder' };
  return JSON.stringify({ id, ...said, createdAt: 1, expiresAt: Date.now() + DAY_MS });
}

/** A budget that is spent keeps nobody from fetching. */
function callerWith(limits: RateLimits): Partial<Caller> {
  return { key: { id: 'k1', name: 'shop', budgetUsd: 0, limits } };
}

describe('an id', () => {
  test('that is none of a file reads and deletes nothing, whatever clients have written', async () => {
    const { client, url, folder, config, redis, keys } = await open({ driver: false });
    const outside = join(folder, config.gateway.files.folder, '..', 'secret');
    await client().files.create({ file: fileOf(300_000), purpose: 'batch' });
    await writeFile(outside, 'secret');
    const crafted = craftedEntry('../secret');
    const { id } = await client().files.create({ file: new File([crafted], 'a'), purpose: 'batch' });
    expect(keys.fileContent(id).startsWith(keys.file(''))).toBe(false);
    // As if contents were still beside what is known of files.
    await redis.set(keys.file(`${id}:content`), crafted);
    for (const bad of [`${id}:content`, `${id}%3Acontent`, '..%2Fsecret', `${id}%00`, `${id}%0a`]) {
      for (const [method, path] of [
        ['GET', ''],
        ['GET', '/content'],
        ['DELETE', ''],
      ] as const) {
        const response = await fetch(`${url}/v1/files/${bad}${path}`, { method });
        expect([bad, path, response.status]).toEqual([bad, path, 404]);
        await response.body?.cancel();
      }
    }
    expect(await readFile(outside, 'utf8')).toBe('secret');
    const order = { ...DAY, input_file_id: `${id}:content` };
    await expect(client().batches.create(order)).rejects.toMatchObject({ status: 400, param: 'input_file_id' });
    await redis.zadd(keys.filesOf('default'), 1, `${id}:content`);
    await expect(client().files.list({ after: `${id}:content` })).rejects.toMatchObject({ status: 400 });
  });

  test('has no place outside of the folder', async () => {
    const path = await mkdtemp(join(tmpdir(), 'sluice-folder-'));
    onTestFinished(() => rm(path, { recursive: true, force: true }));
    await writeFile(join(path, 'notes'), 'mine');
    const folder = createFileFolder(join(path, 'files'));
    for (const id of ['../notes', '..', '', `file-${'a'.repeat(24)}/../../notes`, `file-${'a'.repeat(24)}\n`]) {
      await expect(folder.read(id).next()).rejects.toThrow('no id');
      await expect(folder.remove(id)).rejects.toThrow('no id');
      await expect(folder.write(id, Buffer.from('x'))).rejects.toThrow('no id');
    }
    expect(await readFile(join(path, 'notes'), 'utf8')).toBe('mine');
  });

  test('that is none of a batch is not found', async () => {
    const { client, upload, redis, keys } = await open({ driver: false });
    const { id } = await client().batches.create({ ...DAY, input_file_id: (await upload([chatLine('a')])).id });
    // A key of another type, as a lease would be.
    await redis.set(keys.batchOrder(`${id}:lease`), 'somebody');
    const { batches } = client();
    await expect(batches.retrieve(`${id}:lease`)).rejects.toMatchObject({ status: 404 });
    await expect(batches.cancel(`${id}:lease`)).rejects.toMatchObject({ status: 404 });
    await redis.zadd(keys.batchOrdersOf('default'), 1, 'of another form');
    await expect(batches.list({ after: 'of another form' })).rejects.toMatchObject({ status: 400, param: 'after' });
  });
});

describe('limits of a key', () => {
  test('hold for files and batches, too, and are told', async () => {
    const { client, upload, url } = await open({ driver: false, caller: callerWith({ requests_per_minute: 4 }) });
    const file = await upload([chatLine('a')]);
    const { id } = await client().batches.create({ ...DAY, input_file_id: file.id });
    const third = await fetch(`${url}/v1/batches/${id}`);
    expect([third.status, third.headers.get('x-ratelimit-remaining-requests')]).toEqual([200, '1']);
    expect((await fetch(`${url}/v1/files/${file.id}/content`)).status).toBe(200);
    for (const [method, path] of [
      ['GET', '/v1/files'],
      ['POST', '/v1/files'],
      ['DELETE', `/v1/files/${file.id}`],
      ['GET', '/v1/batches'],
      ['POST', '/v1/batches'],
      ['POST', `/v1/batches/${id}/cancel`],
    ] as const) {
      const refused = await fetch(url + path, { method });
      expect(refused.status).toBe(429);
      expect(refused.headers.get('x-ratelimit-limit-requests')).toBe('4');
      expect(await refused.json()).toMatchObject({ error: { code: 'rate_limit_exceeded' } });
    }
  });

  test('are given back when a request has ended', async () => {
    const { client } = await open({ driver: false, caller: callerWith({ concurrency: 1 }) });
    const list = (): Promise<boolean> =>
      client()
        .files.list()
        .then(
          () => true,
          () => false,
        );
    for (const _ of ids(3)) await until('to be let in again', list);
  });
});

describe('room', () => {
  test('for the files of an account comes to an end, and comes back', async () => {
    const files = { in_redis_up_to_bytes: 64, most_bytes_per_account: 200_000 };
    const { client, filesOnDisk, redis, keys } = await open({ config: { gateway: { files } }, driver: false });
    const upload = (size: number, account?: string) =>
      client(account).files.create({ file: fileOf(size), purpose: 'batch' });
    const first = await upload(199_000);
    // The second of them is refused by its announced length alone.
    for (const size of [1_001, 67_000]) {
      await expect(upload(size)).rejects.toMatchObject({ status: 413, code: 'file_storage_full' });
    }
    expect(await filesOnDisk()).toEqual([first.id]);
    const small = await upload(64);
    await upload(1_001, 'bob');
    expect(await redis.hgetall(keys.fileBytes)).toEqual({ 'of:default': '199064', 'of:bob': '1001', 'in-redis': '64' });
    for (const { id } of [first, small]) await client().files.delete(id);
    expect(await redis.hgetall(keys.fileBytes)).toEqual({ 'of:bob': '1001' });
    await upload(1_001);
  });

  test('in Redis comes to an end: small files go to the folder then', async () => {
    const files = { most_bytes_in_redis: 100 };
    const { client, filesOnDisk, redis, keys } = await open({ config: { gateway: { files } }, driver: false });
    const upload = () => client().files.create({ file: fileOf(64), purpose: 'batch' });
    const [first, second] = [await upload(), await upload()];
    expect(await filesOnDisk()).toEqual([second.id]);
    expect(await (await client().files.content(second.id)).text()).toBe('x'.repeat(64));
    const livesMs = await redis.pttl(keys.fileContent(first.id));
    expect(livesMs).toBeGreaterThan(30 * DAY_MS);
    expect(livesMs).toBeLessThanOrEqual(31 * DAY_MS);
    await client().files.delete(first.id);
    await upload();
    expect(await filesOnDisk()).toEqual([second.id]);
  });

  test('for what was paid for there is always, and an input outlives its batch', async () => {
    const files = { most_bytes_per_account: 1_024 };
    const { upload, client, untilStatus, linesOf, startPool, redis, keys } = await open({
      config: { gateway: { files } },
    });
    await startPool();
    const file = await upload(ids(4).map((id) => chatLine(id)));
    await redis.pexpire(keys.fileContent(file.id), 60_000);
    const { id } = await client().batches.create({ ...DAY, input_file_id: file.id });
    expect(await redis.pttl(keys.fileContent(file.id))).toBeGreaterThan(DAY_MS);
    expect(await linesOf((await untilStatus(id, 'completed')).output_file_id)).toHaveLength(4);
    await expect(upload([chatLine('b')])).rejects.toMatchObject({ code: 'file_storage_full' });
    const requests = [{ custom_id: 'a', body: { model: 'small', messages: [{ role: 'user', content: 'Hi.' }] } }];
    const inline = client().post<Batch>('/batches', { body: { endpoint: DAY.endpoint, requests } });
    await expect(inline).rejects.toMatchObject({ status: 413, code: 'file_storage_full' });
  });

  test('that the disk has none of is told as that, and logged', async () => {
    const files = { folder: 'no-folder', in_redis_up_to_bytes: 0 };
    const { client, folder, tools } = await open({ config: { gateway: { files } }, driver: false });
    const error = vi.spyOn(tools.logger, 'error');
    await writeFile(join(folder, 'no-folder'), '');
    const attempt = client().files.create({ file: fileOf(100), purpose: 'batch' });
    await expect(attempt).rejects.toMatchObject({ status: 507, code: 'file_storage_unavailable' });
    expect(error).toHaveBeenCalledWith({ error: expect.stringMatching(/^E/) as string }, expect.any(String));
  });
});

describe('a driver', () => {
  test('leaves others their turns while it checks an input that comes from Redis in one piece', async () => {
    const files = { in_redis_up_to_bytes: 4_194_304 };
    const { client, upload, tools, redis, keys } = await open({ config: { gateway: { files } }, driver: false });
    const file = await upload(ids(4_000).map((id) => chatLine(id)));
    const { id } = await client().batches.create({ ...DAY, input_file_id: file.id });
    await redis.set(keys.batchOrderLease(id), 'me');
    const order = JSON.parse((await redis.hget(keys.batchOrder(id), 'order')) ?? '{}') as BatchOrder;
    const driving = createOrderDriving(redis, keys, { keepMs: DAY_MS });
    const drive = { order, cancellingAt: undefined, driver: 'me', signal: new AbortController().signal };
    const gapsMs: number[] = [];
    let last = performance.now();
    const look = (): void => {
      gapsMs.push(performance.now() - last);
      last = performance.now();
      if (isChecking) setImmediate(look);
    };
    let isChecking = true;
    setImmediate(look);
    const startedAt = performance.now();
    const step = await takeStep({ ...tools, driving, files: openFileStore(tools) }, drive, { stage: 'validating' });
    isChecking = false;
    expect(step).toMatchObject({ stage: 'enqueueing', total: 4_000 });
    expect(Math.max(...gapsMs)).toBeLessThan((performance.now() - startedAt) / 2);
  });

  test('takes orders that are forgotten out of the list of their account', async () => {
    const { client, upload, untilStatus, startDriver, forward, redis, keys } = await open();
    const { id } = await client().batches.create({ ...DAY, input_file_id: (await upload(['{'])).id });
    await untilStatus(id, 'failed');
    const listed = (): Promise<number> => redis.zcard(keys.batchOrdersOf('default'));
    forward(29 * DAY_MS);
    await startDriver().stop();
    expect(await listed()).toBe(1);
    forward(2 * DAY_MS);
    startDriver();
    await until('it to be taken out', async () => (await listed()) === 0);
    expect(await redis.zcard(keys.batchOrdersEnded)).toBe(0);
  });

  test('says once that Redis is away, and once that it is back', async () => {
    const secret = `whsec_${'a'.repeat(32)}`;
    const { redis, tools, startDriver } = await open({
      config: { gateway: { webhooks: { secret } } },
      driver: false,
    });
    const [warn, info] = [vi.spyOn(tools.logger, 'warn'), vi.spyOn(tools.logger, 'info')];
    const away = vi.spyOn(redis, 'zrange').mockRejectedValue(new Error('Connection is closed.'));
    const evaluate = vi.spyOn(redis, 'eval').mockRejectedValue(new Error('Connection is closed.'));
    startDriver();
    await until('some looks in vain', () => away.mock.calls.length >= 5);
    away.mockRestore();
    evaluate.mockRestore();
    await until('it to be back', () => info.mock.calls.length > 0);
    expect([warn.mock.calls.length, info.mock.calls.length]).toEqual([1, 1]);
  });
});
