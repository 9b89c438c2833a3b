import type { Tier } from '../domain/model.ts';

/**
 * A guess, from the looks of a prompt, at how able a model must be: used only for jobs that do not name their task.
 *
 * It is a handful of counted features and no model of language: it knows English words, it cannot tell a hard short
 * question from an easy one, and a long pasted text looks harder than it may be. It never lifts a job above its limits,
 * because cost, latency and capabilities are checked first. Whoever knows better names the task.
 */
export type Complexity = { tier: Tier; points: number; features: readonly Feature[] };

export type Feature = 'long' | 'very-long' | 'code' | 'maths' | 'reasoning' | 'constraints' | 'steps' | 'questions';

const POINTS: Record<Feature, number> = {
  long: 1,
  'very-long': 2,
  code: 2,
  maths: 2,
  reasoning: 2,
  constraints: 1,
  steps: 1,
  questions: 1,
};
const MEDIUM_POINTS = 2;
const LARGE_POINTS = 4;

const LONG_CHARACTERS = 1_500;
const VERY_LONG_CHARACTERS = 8_000;

/** Instructions stand at the beginning or at the end; looking at no more keeps the time of a decision bounded. */
const HEAD_CHARACTERS = 1_200;
const TAIL_CHARACTERS = 800;

const CODE =
  /```|=>|\w\(\)|;\n|\b(?:function|const|class|def|import|struct|regex|SQL|stack trace|refactor|debug|compile|unit tests?)\b/i;
const MATHS =
  /[∑∫√∞≤≥≠∂]|\\(?:frac|sum|int|sqrt)|\b(?:prove|proof|theorem|equation|integral|derivative|probability|matrix|solve for)\b|\d ?[*/^=] ?\d/i;
const REASONING =
  /\b(?:why|step by step|analy[sz]e|compare|contrast|trade-?offs?|design|evaluate|critique|plan|strategy|explain how|pros and cons|root cause)\b/i;
const CONSTRAINTS =
  /\b(?:must|should|do not|don't|never|always|only|exactly|at least|at most|no more than|without|ensure|unless)\b/gi;
const QUESTIONS = /\?/g;
const STEPS = /^ *(?:\d{1,2}[.)]|[-*•]) /gm;

export function guessComplexity(promptText: string): Complexity {
  const text = ends(promptText);
  const features: Feature[] = [];
  if (promptText.length >= VERY_LONG_CHARACTERS) features.push('very-long');
  else if (promptText.length >= LONG_CHARACTERS) features.push('long');
  if (CODE.test(text)) features.push('code');
  if (MATHS.test(text)) features.push('maths');
  if (REASONING.test(text)) features.push('reasoning');
  if (hasMatches(text, CONSTRAINTS, 3)) features.push('constraints');
  if (hasMatches(text, STEPS, 3)) features.push('steps');
  if (hasMatches(text, QUESTIONS, 3)) features.push('questions');

  const points = features.reduce((sum, feature) => sum + POINTS[feature], 0);
  return { tier: tierOf(points), points, features };
}

function tierOf(points: number): Tier {
  if (points >= LARGE_POINTS) return 'large';
  return points >= MEDIUM_POINTS ? 'medium' : 'small';
}

function ends(text: string): string {
  if (text.length <= HEAD_CHARACTERS + TAIL_CHARACTERS) return text;
  return `${text.slice(0, HEAD_CHARACTERS)}\n${text.slice(-TAIL_CHARACTERS)}`;
}

/** Whether the text holds at least so many matches of a global pattern, which remembers where it found the last. */
function hasMatches(text: string, pattern: RegExp, atLeast: number): boolean {
  pattern.lastIndex = 0;
  for (let count = 0; count < atLeast; count += 1) {
    if (!pattern.test(text)) return false;
  }
  return true;
}
