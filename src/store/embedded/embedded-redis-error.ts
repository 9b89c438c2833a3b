/** A failure of the embedded Redis, told in words for the person at the terminal. */
export class EmbeddedRedisError extends Error {
  override readonly name = 'EmbeddedRedisError';
}
