// A Sluice process in miniature: uses the embedded Redis of the folder in argv[2] until its parent says `release`.
import { acquireEmbeddedRedis } from '../../src/store/embedded/index.ts';

const redis = await acquireEmbeddedRedis({
  directory: process.argv[2] ?? '.',
  install: false,
  log: (line) => console.error(line),
});

process.once('message', () => {
  void redis.release().then(() => process.disconnect());
});
process.send?.({ startedHere: redis.startedHere, socketPath: redis.socketPath });
