import type { Context } from './context.ts';

/** How a command starts the workers that run beside it. */
export function workerArguments(context: Context, { concurrency }: { concurrency?: number }): string[] {
  return [
    ...(context.configFile === undefined ? [] : ['--config', context.configFile]),
    ...(context.debug ? ['--debug'] : []),
    'worker',
    ...(concurrency === undefined ? [] : ['--concurrency', String(concurrency)]),
  ];
}
