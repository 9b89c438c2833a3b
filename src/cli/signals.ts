import { EXIT } from './failure.ts';

/** npm hands on to its command the Ctrl-C that the terminal has told that already: one so soon after is the same. */
const SAME_CTRL_C_MS = 300;

/**
 * Calls `stop` at the first of the signals, and `onImpatience` at each Ctrl-C after it: a person does not want to wait.
 * Returns what gives the signals back.
 */
export function onStopSignal(
  signals: readonly NodeJS.Signals[],
  stop: (signal: NodeJS.Signals) => void,
  onImpatience: () => void,
): () => void {
  let stoppingSince: number | undefined;
  const hear = (signal: NodeJS.Signals): void => {
    if (stoppingSince === undefined) {
      stoppingSince = performance.now();
      stop(signal);
    } else if (signal === 'SIGINT' && performance.now() - stoppingSince > SAME_CTRL_C_MS) onImpatience();
  };
  for (const signal of signals) process.on(signal, hear);
  return () => {
    for (const signal of signals) process.off(signal, hear);
  };
}

/** Aborts at the first Ctrl-C or SIGTERM, so that the command can end in order. `dispose` gives the signals back. */
export function untilInterrupted(onImpatience: () => void = endAtOnce): { signal: AbortSignal; dispose(): void } {
  const controller = new AbortController();
  const dispose = onStopSignal(['SIGINT', 'SIGTERM'], () => controller.abort(), onImpatience);
  return { signal: controller.signal, dispose };
}

export function endAtOnce(): never {
  process.exit(EXIT.interrupted);
}
