import { z } from 'zod';

/**
 * A field that a provider's API has and that cannot be carried to other models: says why, instead of "unknown field".
 * One that is null says nothing.
 */
export function uncarried(reason: string): z.ZodOptional<z.ZodUnknown> {
  return z
    .unknown()
    .refine((value) => value === undefined || value === null, reason)
    .optional();
}
