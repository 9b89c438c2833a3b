import { Command } from 'commander';
import { InputError } from '../../domain/errors.ts';
import { Evidence, type Moments } from '../../domain/evidence.ts';
import { type Problem, check, formatProblem } from '../../domain/issues.ts';
import { type TakeInHow, takeIn } from '../../store/evidence/take-in.ts';
import { contextOf } from '../context.ts';
import { formatCount, plural } from '../format.ts';
import { SLUICE } from '../invocation.ts';
import { readInput } from '../models/text-input.ts';
import { withEvidenceStore } from './open.ts';

type Flags = { merge?: boolean; replace?: boolean; older?: boolean };

export const importCommand = new Command('import')
  .description('take in what was learned elsewhere, or earlier')
  .argument('<file>', 'as export writes it; - for stdin')
  .option('--merge', 'beside what is here: taken in twice it counts twice')
  .option('--replace', 'in the place of what is here')
  .option('--older', 'with --replace: also when what is here is of a later version')
  .addHelpText(
    'after',
    `
All of the file is taken in, or nothing. Where nothing was learned yet, neither
--merge nor --replace is needed.

Example:
  $ ${SLUICE} router import evidence.json --merge`,
  )
  .action(async (file: string, flags: Flags, command: Command) => {
    const { merge, replace, older } = flags;
    if (merge && replace) throw new InputError('give --merge or --replace, not both');
    if (older && !replace) throw new InputError('--older goes with --replace');
    const context = contextOf(command);
    const { name, text } = await readInput(file);
    const evidence = readEvidenceFile(text, name);
    await withEvidenceStore(context, async ({ redis, keys }) => {
      const { outcome, version } = await takeIn(redis, keys, evidence, howOf(flags));
      const here = `what is here is version ${formatCount(version)}`;
      if (outcome === 'known') throw new InputError(`${here}: say --merge or --replace; nothing was changed`);
      if (outcome === 'newer') {
        throw new InputError(
          `${here}, later than version ${formatCount(evidence.version)} in ${name}: ` +
            'say --older to go back to that; nothing was changed',
        );
      }
      context.note(`${plural(Object.keys(evidence.models).length, 'model')} of ${name} taken in; ${here} now`);
    });
  });

function howOf({ merge, replace, older }: Flags): TakeInHow {
  if (merge) return 'merge';
  if (replace) return older ? 'replace-newer' : 'replace';
  return 'first';
}

function readEvidenceFile(text: string, name: string): Evidence {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw new InputError(`${name}: not valid JSON; router export writes what is wanted here`);
  }
  const checked = check(Evidence, parsed);
  const problems = checked.ok ? problemsOfMoments(checked.value) : checked.problems;
  if (problems.length > 0) {
    const told = problems.slice(0, PROBLEMS_TOLD).map((problem) => `${name}: ${formatProblem(problem)}`);
    const untold = problems.length - told.length;
    throw new InputError(untold > 0 ? [...told, `${name}: and ${untold} more problems`] : told);
  }
  return Evidence.parse(parsed);
}

const PROBLEMS_TOLD = 20;

function problemsOfMoments({ models }: Evidence): Problem[] {
  return Object.entries(models).flatMap(([model, tasks]) =>
    Object.entries(tasks).flatMap(([task, cell]) =>
      Object.entries(cell).flatMap(([measure, moments]) => {
        const message = moments && whyImpossible(moments, measure === 'score');
        return message === undefined ? [] : { path: ['models', model, task, measure], message };
      }),
    ),
  );
}

/** Sums that no figures have. What was rounded on the way is not held against them. */
function whyImpossible({ n, sum, squares }: Moments, isScore: boolean): string | undefined {
  const slack = 1e-6 * Math.max(1, n);
  if (sum < 0) return 'no figures have a sum below 0';
  if (squares * n < sum * sum * (1 - 1e-6) - slack) return 'no figures of this sum have such squares';
  return isScore && (sum > n + slack || squares > sum + slack) ? 'scores are from 0 to 1' : undefined;
}
