import { Command } from 'commander';
import { embeddedRedisStatus, stopEmbeddedRedis } from '../../store/embedded/index.ts';
import { contextOf } from '../context.ts';
import { EXIT } from '../failure.ts';
import { SLUICE } from '../invocation.ts';

export const downCommand = new Command('down')
  .description("stop what is left of this folder's own Redis; its data stay")
  .option('--force', 'stop it although other commands use it')
  .addHelpText(
    'after',
    `
Redis ends by itself with the last command that uses it; this is for one that
was left behind by a kill -9. A Redis that REDIS_URL or redis.url names is
never touched.

Example:
  $ ${SLUICE} down`,
  )
  .action(async ({ force = false }: { force?: boolean }, command: Command) => {
    const context = contextOf(command);
    const before = await embeddedRedisStatus(context.directory);
    const { outcome, userPids } = await stopEmbeddedRedis(context.directory, { force });
    const users = userPids.length === 0 ? '' : `pid ${userPids.join(', ')}`;
    switch (outcome) {
      case 'not-running':
        context.note('nothing is running in this folder');
        return;
      case 'stopped':
        context.note(
          `stopped Redis${before.running ? ` (pid ${before.pid})` : ''}${users && `, which was in use by ${users}`}`,
        );
        return;
      case 'in-use':
        context.note(
          `Redis${before.running ? ` (pid ${before.pid})` : ''} is in use by ${users}; --force stops it anyway`,
        );
        process.exitCode = EXIT.someFailed;
    }
  });
