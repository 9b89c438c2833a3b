import type { z } from 'zod';
import { check, formatPath } from '../domain/issues.ts';
import { ApiError } from './api-error.ts';

/** The fields of a query or a body, checked; the first thing that is wrong with them is an ApiError. */
export function readFields<Schema extends z.ZodType>(schema: Schema, fields: unknown): z.output<Schema> {
  const checked = check(schema, fields);
  if (checked.ok) return checked.value;
  const [{ path, message } = { path: [], message: 'not valid' }] = checked.problems;
  const place = formatPath(path);
  if (place === '') throw new ApiError(400, 'invalid_request_error', message);
  throw new ApiError(400, 'invalid_request_error', `${place}: ${message}`, { param: place });
}
