/** A limit as a provider's answer tells it. */
export type ToldLimit = {
  /** How many may be asked for within its window. */
  limit: number;
  remaining: number;
  /** Until all of it is there again, in milliseconds from now. */
  resetMs: number;
};

/** What a provider's answer tells about the limits of the key and the model that were used. */
export type ToldLimits = { requests?: ToldLimit; tokens?: ToldLimit };
