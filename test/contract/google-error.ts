import { GatewayError } from '../../src/domain/errors.ts';

/** The error with which a step ends that must fail. */
export function errorOf(step: () => unknown): GatewayError {
  try {
    step();
  } catch (error) {
    if (error instanceof GatewayError) return error;
    throw error;
  }
  throw new Error('an error was expected');
}
