import { z } from 'zod';

/** How people may call models, tasks, providers, keys and the like. */
export const Name = z.string().regex(/^[A-Za-z0-9][\w.:/@-]{0,127}$/, 'use 1 to 128 letters, digits or . _ - : / @');
