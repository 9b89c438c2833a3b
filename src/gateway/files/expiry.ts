import { z } from 'zod';

/** How long a file is kept, as OpenAI's clients say it; forms have texts alone. */
export const FileExpiry = z.strictObject({
  anchor: z.literal('created_at'),
  seconds: z.coerce.number().int().min(3_600).max(2_592_000),
});
