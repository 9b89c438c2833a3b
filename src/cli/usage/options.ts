import { type Command, InvalidArgumentError } from 'commander';
import { suggestion } from '../../domain/issues.ts';
import { parseSince } from '../options.ts';
import { DIMENSIONS, type Dimension } from './groups.ts';

export const DIMENSION_WORDS = Object.keys(DIMENSIONS) as Dimension[];

/** Names with commas between, each once. */
export function parseDimensions(text: string): readonly Dimension[] {
  const names = [...new Set(text.split(',').map((name) => name.trim()))];
  const unknown = names.find((name) => !Object.hasOwn(DIMENSIONS, name));
  if (unknown === undefined) return names as Dimension[];
  throw new InvalidArgumentError(
    `"${unknown}" is none of ${DIMENSION_WORDS.join(', ')}${suggestion(unknown, DIMENSION_WORDS)}.`,
  );
}

/** As `parseSince`; what is before the times that Redis knows is their beginning. */
export function parseUsageSince(text: string): number {
  return Math.max(0, parseSince(text));
}

/**
 * Gives a command's options to the command inside it that they were written behind: commander takes them for the outer
 * one's wherever they stand. Those that the inner one does not have are an error.
 */
export function handDown(outer: Command, inner: Command): void {
  for (const option of outer.options) {
    const name = option.attributeName();
    if (outer.getOptionValueSource(name) !== 'cli') continue;
    if (!inner.options.some((own) => own.attributeName() === name))
      inner.error(`error: unknown option '${option.long}'`);
    inner.setOptionValueWithSource(name, outer.getOptionValue(name), 'cli');
  }
}
