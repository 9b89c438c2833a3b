import { z } from 'zod';

const KINDS = ['equals', 'one_of', 'contains', 'number', 'json'] as const;

/** What a row's answer is checked against. Exactly one kind; `tolerance` (absolute) belongs to `number`. */
export const Expectation = z
  .strictObject({
    /** The whole answer, trimmed, letter case ignored. */
    equals: z.string().optional(),
    /** One of these, compared like `equals`. */
    one_of: z.array(z.string()).min(1).optional(),
    /** Anywhere in the answer, letter case ignored. */
    contains: z.string().min(1).optional(),
    /** The last number in the answer. */
    number: z.number().optional(),
    tolerance: z.number().min(0).optional(),
    /** The answer is JSON that satisfies this JSON Schema. */
    json: z.record(z.string(), z.json()).optional(),
  })
  .superRefine((expectation, context) => {
    const given = KINDS.filter((kind) => expectation[kind] !== undefined);
    if (given.length !== 1) {
      context.addIssue({ code: 'custom', message: `give exactly one of ${KINDS.join(', ')}` });
    }
    if (expectation.tolerance !== undefined && expectation.number === undefined) {
      context.addIssue({ code: 'custom', path: ['tolerance'], message: 'tolerance goes with number' });
    }
    if (expectation.json !== undefined && compileJsonSchema(expectation.json) === undefined) {
      context.addIssue({ code: 'custom', path: ['json'], message: 'not a JSON Schema that can be checked' });
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
  return expectation.json !== undefined && satisfiesSchema(expectation.json, answer);
}

function fold(text: string): string {
  return text.trim().toLowerCase();
}

/** Reads `1,234.5` and `-7`; the last one counts, since answers tend to end with the result. */
function lastNumber(answer: string): number | undefined {
  const matches = answer.match(/-?\d+(?:,\d{3})*(?:\.\d+)?(?:[eE][-+]?\d+)?/g);
  const last = matches?.at(-1);
  return last === undefined ? undefined : Number(last.replaceAll(',', ''));
}

function satisfiesSchema(schema: Record<string, unknown>, answer: string): boolean {
  const compiled = compileJsonSchema(schema);
  if (!compiled) return false;
  try {
    return compiled.safeParse(JSON.parse(withoutFence(answer))).success;
  } catch {
    return false;
  }
}

/** Models like to wrap JSON in a Markdown fence; the content is what was asked for. */
function withoutFence(answer: string): string {
  const fenced = /^\s*```(?:json)?\s*\n([\s\S]*?)\n?```\s*$/.exec(answer);
  return fenced?.[1] ?? answer;
}

function compileJsonSchema(schema: Record<string, unknown>): z.ZodType | undefined {
  try {
    return z.fromJSONSchema(schema);
  } catch {
    return undefined;
  }
}
