import { z } from 'zod';
import { BESIDE_OTHER_PROBLEMS, show } from './issues.ts';
import { JsonSchemaObject, brokenReferences } from './json-schema.ts';
import { satisfiesSchema } from './schema-check.ts';

const KINDS = ['equals', 'one_of', 'contains', 'number', 'json'] as const;

/** What a row's answer is checked against. Exactly one kind; `tolerance` (absolute) belongs to `number`. */
export const Expectation = z
  .strictObject({
    /** The whole answer, trimmed, letter case ignored. */
    equals: z.string().optional(),
    /** One of these, compared like `equals`. */
    one_of: z.array(z.string()).min(1).max(1_000).optional(),
    /** Anywhere in the answer, letter case ignored. */
    contains: z.string().min(1).optional(),
    /** The last number in the answer. */
    number: z.number().optional(),
    tolerance: z.number().min(0).optional(),
    /** The answer is JSON, alone or in a Markdown fence, that satisfies this JSON Schema. */
    json: JsonSchemaObject.optional(),
  })
  .superRefine((expectation, context) => {
    const given = KINDS.filter((kind) => expectation[kind] !== undefined);
    if (given.length !== 1) {
      context.addIssue({ code: 'custom', message: `give exactly one of ${KINDS.join(', ')}` });
    }
    if (expectation.tolerance !== undefined && expectation.number === undefined) {
      context.addIssue({ code: 'custom', path: ['tolerance'], message: 'tolerance goes with number' });
    }
  }, BESIDE_OTHER_PROBLEMS)
  .superRefine(({ json }, context) => {
    for (const reference of json === undefined ? [] : brokenReferences(json)) {
      context.addIssue({
        code: 'custom',
        path: ['json'],
        message: `$ref ${show(reference)} leads nowhere; # and #/$defs/NAME can be referred to`,
      });
    }
  });
export type Expectation = z.infer<typeof Expectation>;

/** The answer's score against its expectation: 1 or 0. */
export function scoreAnswer(expectation: Expectation, answer: string): 0 | 1 {
  return fits(expectation, answer) ? 1 : 0;
}

function fits(expectation: Expectation, answer: string): boolean {
  const text = fold(answer);
  if (expectation.equals !== undefined) return text === fold(expectation.equals);
  if (expectation.one_of !== undefined) return expectation.one_of.some((option) => fold(option) === text);
  if (expectation.contains !== undefined) return text.includes(fold(expectation.contains));
  if (expectation.number !== undefined) {
    const found = lastNumber(answer);
    return found !== undefined && Math.abs(found - expectation.number) <= (expectation.tolerance ?? 1e-9);
  }
  return expectation.json !== undefined && isJsonThatFits(expectation.json, answer);
}

function fold(text: string): string {
  return text.trim().toLowerCase();
}

/**
 * Reads `1,234.5`, `-7`, `.5` and `6.02e23`; the last one counts, since answers tend to end with the result. The hyphen
 * of `3-5` and of `GPT-4` is no sign.
 */
function lastNumber(answer: string): number | undefined {
  const matches = answer.match(
    /(?:(?<![\w.)\]])[-\u2212])?(?:(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?|\.\d+)(?:e[-+]?\d+)?/gi,
  );
  const last = matches?.at(-1);
  return last === undefined ? undefined : Number(last.replaceAll(',', '').replace('\u2212', '-'));
}

function isJsonThatFits(schema: JsonSchemaObject, answer: string): boolean {
  try {
    return satisfiesSchema(schema, JSON.parse(withoutFence(answer)));
  } catch {
    return false;
  }
}

/** Models like to wrap JSON in a Markdown fence; the content is what was asked for. */
export function withoutFence(answer: string): string {
  const text = answer.trim();
  const firstLineEnd = text.indexOf('\n');
  const isFenced = text.startsWith('```') && text.endsWith('```') && firstLineEnd !== -1;
  return isFenced ? text.slice(firstLineEnd, -3) : text;
}
