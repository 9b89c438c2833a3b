import { CommanderError } from 'commander';
import { GatewayError, InputError } from '../domain/errors.ts';
import { EmbeddedRedisError } from '../store/embedded/index.ts';
import { isRedisFailure } from '../store/redis.ts';
import { asTyped } from './invocation.ts';

/** The exit codes of every command. */
export const EXIT = { ok: 0, someFailed: 1, badInput: 2, redis: 3, budget: 4, paused: 5, interrupted: 130 } as const;

/** What a command throws that is ended by Ctrl-C; the message says how to go on. */
export class Interruption extends Error {}

export function exitCodeOf(error: unknown): number {
  if (error instanceof Interruption) return EXIT.interrupted;
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.badInput;
  if (error instanceof InputError) return error.exitCode;
  if (error instanceof EmbeddedRedisError || isRedisFailure(error)) return EXIT.redis;
  return EXIT.someFailed;
}

/** One line a problem on stderr, and with --debug the stacks: never the error as an object, since Redis' carry what was sent. */
export function report(error: unknown, debug: boolean): void {
  for (const line of linesOf(error)) process.stderr.write(`sluice: ${asTyped(line)}\n`);
  if (debug) for (const stack of stacksOf(error)) process.stderr.write(`${stack}\n`);
}

/**
 * What commander found wrong with the arguments, in one line like those of `report`. `help` is the command that tells
 * more, named where the line does not say by itself what would be right.
 */
export function reportUsage(text: string, write: (text: string) => void, help: string): void {
  const line = text
    .replace(/^error: /, 'sluice: ')
    .replace('\n(Did you mean', ' (did you mean')
    .trimEnd();
  const isOpen = /^sluice: (unknown|missing|too many)\b/.test(line) && !line.endsWith('?)');
  write(isOpen ? `${line.replace(/\.$/, '')}; see ${help}\n` : `${line}\n`);
}

function stacksOf(error: unknown): string[] {
  return error instanceof Error ? [error.stack ?? error.message, ...stacksOf(error.cause)] : [];
}

function linesOf(error: unknown): readonly string[] {
  if (error instanceof InputError) return error.problems;
  if (error instanceof EmbeddedRedisError || error instanceof GatewayError || error instanceof Interruption)
    return error.message.split('\n');
  if (isRedisFailure(error)) return [`Redis: ${error.message.split('\n')[0]}`];
  const message = error instanceof Error ? error.message.split('\n')[0] : String(error);
  return [`unexpected error: ${message} (--debug shows the stack)`];
}
