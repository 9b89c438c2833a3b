import { subscribe } from 'node:diagnostics_channel';

/** A prompt with this in it ends a worker into which this file was preloaded (`node --import`), as a bug of a library would. */
export const DEADLY = 'the prompt that nobody survives';

subscribe('undici:request:create', (message) => {
  const { request } = message as { request: { body: unknown } };
  if (String(request.body).includes(DEADLY)) process.exit(9);
});
