import { describe, expect, test } from 'vitest';
import { chatLine, useBatchGateway } from '../support/batch-gateway.ts';

const open = useBatchGateway();
const DAY = { endpoint: '/v1/chat/completions' as const, completion_window: '24h' as const };

describe('the lane of those who wait', () => {
  const pushing = [chatLine('usual'), chatLine('pushing', { x_sluice: { lane: 'interactive' } })];

  test('is none for rows and orders', async () => {
    const { client, upload, untilStatus, batches } = await open();
    const order = { ...DAY, input_file_id: (await upload(pushing)).id };
    const failed = await untilStatus((await client().batches.create(order)).id, 'failed');
    expect(failed.errors?.data).toMatchObject([{ line: 2, code: 'lane_not_allowed', param: 'lane' }]);
    const attempt = client().batches.create(order, { headers: { 'x-sluice-lane': 'interactive' } });
    await expect(attempt).rejects.toMatchObject({ status: 403, code: 'lane_not_allowed' });
    expect(await batches.list(10)).toEqual([]);
  });

  test('takes rows of a key that names it', async () => {
    const caller = { lanes: ['interactive', 'batch'] };
    const { client, upload, untilStatus, startPool, usage } = await open({ caller });
    await startPool();
    const { id } = await client().batches.create({ ...DAY, input_file_id: (await upload(pushing)).id });
    await untilStatus(id, 'completed');
    expect((await usage()).map(({ lane }) => lane).toSorted()).toEqual(['batch', 'interactive']);
  });
});
