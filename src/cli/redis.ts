import { createInterface } from 'node:readline/promises';
import type { Redis } from 'ioredis';
import { acquireEmbeddedRedis } from '../store/embedded/index.ts';
import { demandFit, problemsOfServer, unusable } from '../store/fitness.ts';
import { type RedisTarget, connect, describeTarget } from '../store/redis.ts';
import type { Context } from './context.ts';
import { asTyped } from './invocation.ts';

export type OpenRedis = {
  target: RedisTarget;
  /** For the command's own reading; workers and producers open theirs from `target`. */
  redis: Redis;
  /** For a person: where it is. */
  description: string;
  isEmbedded: boolean;
  /** Closes the connection and, for the embedded one, lets it go. Close everything else on it first. */
  close(): Promise<void>;
};

/**
 * The Redis of this command: the one that REDIS_URL or the configuration names, else this folder's own, which is
 * started when it is not running. One that is not fit for a queue is refused.
 */
export async function openRedis(context: Context, url: string | undefined): Promise<OpenRedis> {
  const named = context.env['REDIS_URL'] || url;
  return named ? openNamed(context, named) : openEmbedded(context);
}

async function openNamed(context: Context, url: string): Promise<OpenRedis> {
  const target = { url };
  const redis = connect(target, { name: 'sluice:cli' });
  const description = describeTarget(target);
  try {
    await demandFitness(context, redis, target);
  } catch (error) {
    redis.disconnect();
    throw error;
  }
  return { target, redis, description, isEmbedded: false, close: async () => redis.disconnect() };
}

async function openEmbedded(context: Context): Promise<OpenRedis> {
  const embedded = await acquireEmbeddedRedis({
    directory: context.directory,
    install: context.installRedis || (context.isInteractive ? () => askToInstall(context) : false),
    log: (line) => context.note(asTyped(line)),
  });
  const target = embedded.connection;
  const redis = connect(target, { name: 'sluice:cli' });
  return {
    target,
    redis,
    description: `this folder's own (${embedded.binary.name} ${embedded.binary.version})`,
    isEmbedded: true,
    async close() {
      redis.disconnect();
      await embedded.release();
    },
  };
}

async function demandFitness(context: Context, redis: Redis, target: RedisTarget): Promise<void> {
  const problems = await problemsOfServer(redis).catch((error: unknown) => {
    throw unusable(target, error);
  });
  for (const { message } of problems.filter((problem) => !problem.fatal)) {
    context.note(`warning: Redis at ${describeTarget(target)}: ${message}`);
  }
  demandFit(target, problems);
}

async function askToInstall(context: Context): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await terminal.question(
      'Sluice needs a Redis server and found none. Install redis-server now? [y/N] ',
    );
    return /^y(es)?$/i.test(answer.trim());
  } finally {
    terminal.close();
    context.note('');
  }
}
