import type { BudgetWindow } from '../domain/budget.ts';
import type { RateLimits } from '../domain/provider-config.ts';

/** Who asks: the bearer of a virtual key, or anybody, where the operator has said so. */
export type Caller = {
  /** Undefined for anybody. */
  key?: {
    id: string;
    name: string;
    budgetUsd?: number;
    budgetWindow?: BudgetWindow;
    /** Its own limits; those of `gateway.limits` where it has none. */
    limits: RateLimits;
  };
  /** Who pays, and whose files and batches it may see. */
  account: string;
  /** The aliases and lanes that it may name; undefined: all. */
  models?: readonly string[];
  lanes?: readonly string[];
};

declare module 'fastify' {
  interface FastifyRequest {
    /** Set before any handler of the API runs. */
    caller: Caller;
  }
}
