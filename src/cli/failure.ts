import { CommanderError } from 'commander';
import { GatewayError, InputError } from '../domain/errors.ts';
import { EmbeddedRedisError } from '../store/embedded/index.ts';

/** The exit codes of every command. */
export const EXIT = { ok: 0, someFailed: 1, badInput: 2, redis: 3, budget: 4, interrupted: 130 } as const;

/** What a command throws that is ended by Ctrl-C; the message says how to go on. */
export class Interruption extends Error {}

export function exitCodeOf(error: unknown): number {
  if (error instanceof Interruption) return EXIT.interrupted;
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.badInput;
  if (error instanceof InputError) return error.exitCode;
  if (error instanceof EmbeddedRedisError || isRedisError(error)) return EXIT.redis;
  return EXIT.someFailed;
}

/** One line a problem on stderr; the stack only with --debug. */
export function report(error: unknown, debug: boolean): void {
  for (const line of linesOf(error)) process.stderr.write(`sluice: ${line}\n`);
  if (debug) console.error(error);
}

function linesOf(error: unknown): readonly string[] {
  if (error instanceof InputError) return error.problems;
  if (error instanceof EmbeddedRedisError || error instanceof GatewayError || error instanceof Interruption)
    return error.message.split('\n');
  if (isRedisError(error)) return [`Redis: ${error.message.split('\n')[0]}`];
  const message = error instanceof Error ? error.message.split('\n')[0] : String(error);
  return [`unexpected error: ${message} (--debug shows the stack)`];
}

/** What ioredis throws: replies by their class, lost connections by their code or words. */
function isRedisError(error: unknown): error is Error {
  if (!(error instanceof Error)) return false;
  return (
    error.name === 'ReplyError' ||
    error.name === 'MaxRetriesPerRequestError' ||
    /Connection is closed/.test(error.message)
  );
}
