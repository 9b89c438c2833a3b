import { z } from 'zod';

/** As providers tell it. Nonsense counts as not said: no answer has a billion tokens, and no bill may leave the exact integers. */
export const TokenCount = z.int().min(0).max(1_000_000_000).nullish().catch(null);
