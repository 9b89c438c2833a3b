import type { Problem } from '../../domain/issues.ts';
import { messagesFace } from '../messages/face.ts';
import { type Wishes, wishesOfMetadata } from '../wishes.ts';
import { isRecord } from './record.ts';

export type LineWithWishes = { line: unknown; wishes: Wishes };

/**
 * What a line asks of Sluice in its `body.metadata`, as a request may, and the line without it. What is no metadata is left
 * for whoever reads the body, and so is Anthropic's, which has no entries of one's own. Throws an ApiError 400.
 */
export function takeWishes(line: unknown, endpoint: string): LineWithWishes {
  const body = isRecord(line) ? line['body'] : undefined;
  if (!isRecord(line) || !isRecord(body) || endpoint === messagesFace.path) return { line, wishes: {} };
  const { metadata, user, ...rest } = body;
  if (!isMetadata(metadata)) return { line, wishes: {} };
  const { wishes, metadata: others } = wishesOfMetadata(metadata);
  // It stands above the body's own, as it does in a request.
  const isNamed = user !== undefined && wishes.user === undefined;
  const left = { ...rest, ...(isNamed && { user }), ...(others && { metadata: others }) };
  return { line: { ...line, body: left }, wishes };
}

/** Where a line says what its job has at this place: a wish that is not in `x_sluice` came in the metadata. */
export function placeOfWish(path: Problem['path'], { line, wishes }: LineWithWishes): Problem['path'] {
  const [, name = ''] = path;
  const extension = isRecord(line) ? line['x_sluice'] : undefined;
  const isWish = Object.hasOwn(wishes, name) && !(isRecord(extension) && Object.hasOwn(extension, name));
  return isWish ? ['body', 'metadata', `sluice_${name}`] : path;
}

function isMetadata(value: unknown): value is Record<string, string> {
  return isRecord(value) && Object.values(value).every((entry) => typeof entry === 'string');
}
