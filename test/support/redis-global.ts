import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { acquireEmbeddedRedis } from '../../src/store/embedded/index.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** The unix socket of a Redis that belongs to this test run alone. */
    redisSocket: string;
  }
}

/** Starts one private Redis for all files of a test project; they get its socket by `inject('redisSocket')`. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const directory = await mkdtemp(join(tmpdir(), 'sluice-test-'));
  const removeDirectory = () => rm(directory, { recursive: true, force: true });
  try {
    const redis = await acquireEmbeddedRedis({
      directory,
      install: process.env['SLUICE_INSTALL_REDIS'] === '1',
      log: (line) => console.log(line),
    });
    project.provide('redisSocket', redis.socketPath);
    return () => redis.release().finally(removeDirectory);
  } catch (error) {
    await removeDirectory();
    throw error;
  }
}
