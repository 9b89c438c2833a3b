import type { FastifyInstance } from 'fastify';
import { InputError } from '../domain/errors.ts';

/** Where a server that listens is found: `http://127.0.0.1:3010`. */
export function urlOf(app: FastifyInstance, host: string): string {
  const address = app.server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** What a server that cannot listen throws, as an InputError that says what to do; anything else as it is. */
export function describeListenError(cause: unknown, host: string, port: number): unknown {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  const problems: Record<string, string> = {
    EADDRINUSE: `port ${port} is taken; choose another with --port`,
    EACCES: `port ${port} needs more rights; choose one above 1023`,
    EADDRNOTAVAIL: `this machine has no address ${host}; choose another with --host`,
  };
  const problem = problems[String(code)];
  return problem === undefined ? cause : Object.assign(new InputError(problem), { cause });
}
