import { expect, test } from 'vitest';
import { complete, connectProvider, startStreamingUpstream } from '../support/upstream.ts';
import { chatStream } from './cases/chat-wire.ts';

test.each([
  ['half an event', 'data: {"id'],
  ['an event that is not JSON', 'data: nonsense\n\n'],
  ['an error', 'data: {"error":{"code":500}}\n\n'],
])('%s behind a whole answer takes nothing from it', async (_, behind) => {
  const upstream = await startStreamingUpstream([chatStream([{ content: 'four' }], 'stop') + behind]);
  const completion = await complete(connectProvider(upstream.url, { stream: true }));
  expect(completion).toMatchObject({ content: 'four', finish_reason: 'stop' });
});
