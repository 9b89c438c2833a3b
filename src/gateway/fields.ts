import type { z } from 'zod';
import { check } from '../domain/issues.ts';
import { errorOfProblems } from './failures.ts';

/** The fields of a query or a body, checked; what is wrong with them is an ApiError. */
export function readFields<Schema extends z.ZodType>(schema: Schema, fields: unknown): z.output<Schema> {
  const checked = check(schema, fields);
  if (checked.ok) return checked.value;
  throw errorOfProblems(checked.problems);
}
