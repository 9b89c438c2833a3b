import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { onStopSignal } from '../../src/cli/signals.ts';

let heard: string[];
let giveBack: () => void;

/** As from outside. */
function hear(signal: NodeJS.Signals): void {
  process.emit(signal, signal);
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] });
  heard = [];
  giveBack = onStopSignal(
    ['SIGINT', 'SIGTERM'],
    (signal) => heard.push(`stop by ${signal}`),
    () => heard.push('impatience'),
  );
});
afterEach(() => {
  giveBack();
  vi.useRealTimers();
});

test('the Ctrl-C that npm hands on is no second one', () => {
  hear('SIGINT');
  vi.advanceTimersByTime(50);
  hear('SIGINT');
  expect(heard).toEqual(['stop by SIGINT']);
  vi.advanceTimersByTime(1_000);
  hear('SIGINT');
  hear('SIGINT');
  expect(heard).toEqual(['stop by SIGINT', 'impatience', 'impatience']);
});

test('a second SIGTERM shows no impatience; a Ctrl-C after it does', () => {
  hear('SIGTERM');
  vi.advanceTimersByTime(1_000);
  hear('SIGTERM');
  expect(heard).toEqual(['stop by SIGTERM']);
  hear('SIGINT');
  expect(heard).toEqual(['stop by SIGTERM', 'impatience']);
});

test('signals that were given back are not heard', () => {
  const others = process.listenerCount('SIGTERM');
  giveBack();
  expect(process.listenerCount('SIGTERM')).toBe(others - 1);
});
