import { readFile, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import OpenAI from 'openai';
import { describe, expect, test } from 'vitest';
import { openFileStore } from '../../src/gateway/files/file-store.ts';
import { jsonl, useBatchGateway } from '../support/batch-gateway.ts';

const open = useBatchGateway();
const DAY_MS = 86_400_000;
const SMALL_LIMITS = { gateway: { files: { in_redis_up_to_bytes: 64, most_bytes: 2_048 } } };

describe('a file', () => {
  test('is taken in, described, read and deleted, small in Redis and large in the folder', async () => {
    const { client, filesOnDisk, folder, config } = await open({ config: SMALL_LIMITS, driver: false });
    const openai = client();
    const [small, large] = ['x'.repeat(64), 'é'.repeat(500)];
    for (const [content, onDisk] of [
      [small, 0],
      [large, 1],
    ] as const) {
      const file = await openai.files.create({ file: new File([content], 'ä b.txt'), purpose: 'user_data' });
      expect(file).toMatchObject({
        object: 'file',
        bytes: Buffer.byteLength(content),
        filename: 'ä b.txt',
        purpose: 'user_data',
        status: 'processed',
      });
      expect(file.id).toMatch(/^file-[0-9a-f]{24}$/);
      expect(file.expires_at).toBe(file.created_at + 30 * 86_400);
      expect(await openai.files.retrieve(file.id)).toEqual(file);
      expect(await (await openai.files.content(file.id)).text()).toBe(content);
      expect(await filesOnDisk()).toHaveLength(onDisk);
      if (onDisk) expect(await readFile(join(folder, config.gateway.files.folder, file.id), 'utf8')).toBe(content);
      expect(await openai.files.delete(file.id)).toEqual({ id: file.id, object: 'file', deleted: true });
      await expect(openai.files.retrieve(file.id)).rejects.toMatchObject({ status: 404, param: 'id' });
      expect(await filesOnDisk()).toHaveLength(0);
    }
  });

  test('is seen by its own account only', async () => {
    const { client } = await open({ driver: false });
    const { id } = await client('ann').files.create({ file: jsonl([1]), purpose: 'batch' });
    const bob = client('bob').files;
    for (const ask of [() => bob.retrieve(id), () => bob.content(id), () => bob.delete(id)]) {
      await expect(ask()).rejects.toMatchObject({ status: 404 });
    }
    expect((await bob.list()).data).toEqual([]);
    expect((await client('ann').files.list()).data).toHaveLength(1);
  });

  test('that is too large leaves nothing behind, and the client hears why', async () => {
    const { client, filesOnDisk } = await open({ config: SMALL_LIMITS, driver: false });
    const { files } = client();
    for (const size of [2_049, 300_000]) {
      const attempt = files.create({ file: new File(['x'.repeat(size)], 'a'), purpose: 'batch' });
      await expect(attempt).rejects.toMatchObject({ status: 413, code: 'file_too_large' });
    }
    expect(await filesOnDisk()).toEqual([]);
    expect((await files.list()).data).toEqual([]);
    expect((await files.create({ file: new File(['x'.repeat(2_048)], 'a'), purpose: 'batch' })).bytes).toBe(2_048);
  });

  test.each([
    ['purpose', { purpose: 'world-domination' as never }],
    ['purpose', { purpose: undefined as never }],
    [
      'expires_after.seconds',
      { purpose: 'batch' as const, expires_after: { anchor: 'created_at' as const, seconds: 5 } },
    ],
  ])('with a wrong %s is refused and not kept', async (param, fields) => {
    const { client, filesOnDisk } = await open({ config: SMALL_LIMITS, driver: false });
    const { files } = client();
    const attempt = files.create({ file: new File(['x'.repeat(100)], 'a'), ...fields });
    await expect(attempt).rejects.toMatchObject({ status: 400, param });
    expect(await filesOnDisk()).toEqual([]);
  });

  test('that is no form, or a form without one, is a 400', async () => {
    const { url } = await open({ driver: false });
    const form = new FormData();
    form.set('purpose', 'batch');
    const without = await fetch(`${url}/v1/files`, { method: 'POST', body: form });
    expect([without.status, await without.json()]).toMatchObject([400, { error: { param: 'file' } }]);
    const headers = { 'content-type': 'multipart/form-data' };
    const broken = await fetch(`${url}/v1/files`, { method: 'POST', body: 'no form', headers });
    expect(broken.status).toBe(400);
    const cut = await fetch(`${url}/v1/files`, {
      method: 'POST',
      body: '--b\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\nhalf',
      headers: { 'content-type': 'multipart/form-data; boundary=b' },
    });
    expect(cut.status).toBe(400);
    const nameless = await fetch(`${url}/v1/files`, {
      method: 'POST',
      body: '--b\r\ncontent-disposition: form-data; name="file"\r\ncontent-type: application/octet-stream\r\n\r\nx\r\n--b--\r\n',
      headers: { 'content-type': 'multipart/form-data; boundary=b' },
    });
    expect([nameless.status, await nameless.json()]).toMatchObject([
      400,
      { error: { param: 'file', message: expect.stringContaining('filename=') as string } },
    ]);
    const json = await fetch(`${url}/v1/files`, {
      method: 'POST',
      body: '{}',
      headers: { 'content-type': 'application/json' },
    });
    expect(json.status).toBe(400);
  });
});

test('files are listed a page at a time, by purpose and in either order', async () => {
  const { client } = await open({ driver: false });
  const openai = client();
  const ids: string[] = [];
  for (const purpose of ['batch', 'evals', 'batch', 'batch', 'evals'] as const) {
    ids.push((await openai.files.create({ file: jsonl([1]), purpose })).id);
  }
  const idsOf = async (query: OpenAI.FileListParams): Promise<string[]> => {
    const found: string[] = [];
    for await (const file of openai.files.list(query)) found.push(file.id);
    return found;
  };
  const batchIds = [ids[0], ids[2], ids[3]];
  expect(new Set(await idsOf({ limit: 2 }))).toEqual(new Set(ids));
  expect(new Set(await idsOf({ limit: 1, purpose: 'batch' }))).toEqual(new Set(batchIds));
  expect(await idsOf({ order: 'asc' })).toEqual((await idsOf({ order: 'desc', limit: 2 })).toReversed());
  const page = await openai.files.list({ limit: 2, order: 'asc' });
  expect(page.has_more).toBe(true);
  await expect(openai.files.list({ after: 'file-unknown' })).rejects.toMatchObject({ status: 400, param: 'after' });
  await expect(openai.files.list({ limit: 0 })).rejects.toMatchObject({ status: 400, param: 'limit' });
});

const largeFile = (): File => new File(['x'.repeat(100)], 'a');

describe('time', () => {
  test('takes away what has expired, from the disk as well', async () => {
    const { client, forward, filesOnDisk, tools } = await open({ config: SMALL_LIMITS, driver: false });
    const { files } = client();
    const short = await files.create({
      file: largeFile(),
      purpose: 'batch',
      expires_after: { anchor: 'created_at', seconds: 3_600 },
    });
    const long = await files.create({ file: largeFile(), purpose: 'batch' });
    expect(short.expires_at).toBe(short.created_at + 3_600);
    forward(3_601_000);
    await expect(files.retrieve(short.id)).rejects.toMatchObject({ status: 404 });
    expect((await files.list()).data.map(({ id }) => id)).toEqual([long.id]);
    expect(await openFileStore(tools).sweep()).toEqual({ expired: 1, orphans: 0 });
    expect(await filesOnDisk()).toEqual([long.id]);
    forward(30 * DAY_MS);
    await openFileStore(tools).sweep();
    expect(await filesOnDisk()).toEqual([]);
  });

  test('takes away what a crash has left, and nothing that is not ours', async () => {
    const { client, folder, config, filesOnDisk, tools } = await open({ config: SMALL_LIMITS, driver: false });
    const { id } = await client().files.create({ file: new File(['x'.repeat(100)], 'a'), purpose: 'batch' });
    const path = (name: string): string => join(folder, config.gateway.files.folder, name);
    const [half, unlisted, foreign] = [`${'a'.repeat(24)}.partial`, `file-${'b'.repeat(24)}`, 'notes.txt'];
    const fresh = `${'c'.repeat(24)}.partial`;
    for (const name of [half, unlisted, foreign, fresh]) await writeFile(path(name), 'x');
    const yesterday = new Date(Date.now() - DAY_MS);
    for (const name of [half, unlisted, foreign, id]) await utimes(path(name), yesterday, yesterday);
    expect(await openFileStore(tools).sweep()).toEqual({ expired: 0, orphans: 2 });
    expect((await filesOnDisk()).toSorted()).toEqual([fresh, id, foreign].toSorted());
  });
});
