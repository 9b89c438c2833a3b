import { EXIT } from './failure.ts';

/**
 * Aborts at the first Ctrl-C or SIGTERM, so that the command can end in order; a second Ctrl-C ends it at once.
 * `dispose` gives the signals back.
 */
export function untilInterrupted(): { signal: AbortSignal; dispose(): void } {
  const controller = new AbortController();
  const interrupt = (): void => {
    if (controller.signal.aborted) process.exit(EXIT.interrupted);
    controller.abort();
  };
  const terminate = (): void => controller.abort();
  process.on('SIGINT', interrupt);
  process.on('SIGTERM', terminate);
  return {
    signal: controller.signal,
    dispose() {
      process.off('SIGINT', interrupt);
      process.off('SIGTERM', terminate);
    },
  };
}
