import { readText } from '../config/config-file.ts';
import type { Config } from '../domain/config.ts';
import { InputError } from '../domain/errors.ts';
import { check, formatProblem } from '../domain/issues.ts';
import { createRouter, createTaskReader, type Router, TextModel } from '../router/index.ts';

/**
 * The router of a configuration, with the text model that it names. Throws an InputError when that cannot be read: routed
 * without it, jobs without a task would go elsewhere than the operator expects.
 */
export function openRouter(config: Config): Router {
  const file = config.routing.task_guess?.model;
  return file === undefined
    ? createRouter(config)
    : createRouter(config, { reader: createTaskReader(readModel(file)) });
}

function readModel(file: string): TextModel {
  const checked = check(TextModel, parse(readText(file), file));
  if (checked.ok) return checked.value;
  throw new InputError(checked.problems.map((problem) => `${file}: ${formatProblem(problem)}`));
}

function parse(text: string, file: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new InputError(`${file}: not valid JSON; sluice router train writes what is wanted here`);
  }
}
