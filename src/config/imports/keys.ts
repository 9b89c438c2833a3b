import type { Path, Source } from './source.ts';
import type { Vendor } from './vendors.ts';

/** How LiteLLM refers to a variable of the environment. */
export const ENVIRONMENT_REFERENCE = /^os\.environ\/(\w+)$/;

/** The environment variable of the key that stands there; undefined for a provider that wants none. */
export type KeyReader = (path: Path, vendor: Vendor & { name: string }) => string | undefined;

/** A key that stands in the file itself gets a variable to be put into: the same key the same one. */
export function createKeyReader(source: Source): KeyReader {
  const byLiteral = new Map<string, string>();
  return (path, vendor) => {
    const text = source.text(path);
    if (text === undefined) return vendor.key;
    const named = ENVIRONMENT_REFERENCE.exec(text)?.[1];
    if (named !== undefined) return named;
    const usual = vendor.key ?? `${vendor.name.toUpperCase()}_API_KEY`;
    const literal = `${usual} ${text}`;
    const others = [...byLiteral.keys()].filter((each) => each.startsWith(`${usual} `)).length;
    const variable = byLiteral.get(literal) ?? (others === 0 ? usual : `${usual}_${others + 1}`);
    byLiteral.set(literal, variable);
    source.ignored(path, `keys stay out of the file: put this one into the environment as ${variable}`);
    return variable;
  };
}
