import type { SimProfiles } from './profiles.ts';

/**
 * Limits as providers enforce them: a bucket of requests and one of tokens for each key and model, which fill up evenly
 * and hold what comes in `burst_seconds`; and a number of calls at a time.
 */
export type Limiter = {
  /** Takes a request in. `now` is epoch milliseconds. */
  enter(model: string, key: string, tokens: number, now: number): Entry;
};

export type Entry = {
  /** Until when to wait, in seconds; undefined for a request that is let in. */
  retryAfterSeconds?: number;
  /** What OpenAI tells about its limits with every answer. */
  headers: Record<string, string>;
  /** To be called once when a request that was let in has ended. */
  leave: () => void;
};

type Bucket = { perSecond: number; capacity: number; level: number; at: number };
type State = { requests?: Bucket; tokens?: Bucket; concurrency: number; inFlight: number };

const SECONDS_A_MINUTE = 60;

export function createLimiter(profiles: SimProfiles): Limiter {
  const states = new Map<string, State>();

  function stateOf(model: string, key: string, now: number): State | undefined {
    const limits = profiles[model]?.limits;
    if (limits === undefined) return undefined;
    const name = `${key}\n${model}`;
    const known = states.get(name);
    if (known !== undefined) return known;
    const { requests_per_minute: requests, tokens_per_minute: tokens, concurrency = Infinity, burst_seconds } = limits;
    const bucketOf = (perMinute: number): Bucket => {
      const perSecond = perMinute / SECONDS_A_MINUTE;
      const capacity = Math.max(1, perSecond * burst_seconds);
      return { perSecond, capacity, level: capacity, at: now };
    };
    const state: State = { concurrency, inFlight: 0 };
    if (requests !== undefined) state.requests = bucketOf(requests);
    if (tokens !== undefined) state.tokens = bucketOf(tokens);
    states.set(name, state);
    return state;
  }

  return {
    enter(model, key, tokens, now) {
      const state = stateOf(model, key, now);
      if (state === undefined) return { headers: {}, leave: () => {} };
      const { requests, tokens: tokenBucket } = state;
      const waitSeconds = Math.max(waitFor(requests, 1, now), waitFor(tokenBucket, tokens, now));
      const isFull = state.inFlight >= state.concurrency;
      if (waitSeconds > 0 || isFull) {
        const retryAfterSeconds = Math.max(waitSeconds, isFull ? 1 : 0);
        return { retryAfterSeconds, headers: headersOf(state), leave: () => {} };
      }
      if (requests) requests.level -= 1;
      if (tokenBucket) tokenBucket.level -= tokens;
      state.inFlight += 1;
      let isIn = true;
      const leave = (): void => {
        if (isIn) state.inFlight -= 1;
        isIn = false;
      };
      return { headers: headersOf(state), leave };
    },
  };
}

/** Seconds until the bucket holds so much; a request that is larger than the bucket waits until it is full. */
function waitFor(bucket: Bucket | undefined, amount: number, now: number): number {
  if (bucket === undefined) return 0;
  bucket.level = Math.min(bucket.capacity, bucket.level + ((now - bucket.at) / 1_000) * bucket.perSecond);
  bucket.at = now;
  const seconds = (Math.min(amount, bucket.capacity) - bucket.level) / bucket.perSecond;
  // Who waited for as long as was said is not turned away over a fraction of a millisecond.
  return seconds < 0.001 ? 0 : seconds;
}

function headersOf({ requests, tokens }: State): Record<string, string> {
  return { ...bucketHeaders('requests', requests), ...bucketHeaders('tokens', tokens) };
}

/** As OpenAI tells it: the limit a minute, what is left of it, and when all of it is there again. */
function bucketHeaders(name: string, bucket: Bucket | undefined): Record<string, string> {
  if (bucket === undefined) return {};
  const limit = bucket.perSecond * SECONDS_A_MINUTE;
  const missing = bucket.capacity - bucket.level;
  return {
    [`x-ratelimit-limit-${name}`]: String(Math.round(limit)),
    [`x-ratelimit-remaining-${name}`]: String(Math.max(0, Math.floor(limit - missing))),
    [`x-ratelimit-reset-${name}`]: `${Math.round((missing / bucket.perSecond) * 1_000)}ms`,
  };
}
