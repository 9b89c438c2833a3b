import { type Config, unknownName } from '../domain/config.ts';
import { GatewayError } from '../domain/errors.ts';
import { type Problem, check, formatProblem } from '../domain/issues.ts';
import { PromptJob, PromptTerms, type QueuedJob } from '../domain/job.ts';
import { defined } from '../domain/native/defined.ts';

export type Intake = {
  config: Config;
  /** The lane of jobs that name none and whose task has none. */
  lane: string;
  now: () => number;
};

export type Prepared = { ok: true; job: QueuedJob } | { ok: false; problems: Problem[] };

/** JOB_INVALID, with each thing that is wrong and where. */
export class InvalidJob extends GatewayError {
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    super('JOB_INVALID', problems.map(formatProblem).join('; '));
    this.problems = problems;
  }
}

/** Checks one job against the schema and the configuration, and fills in what the queue needs to know. */
export function prepareJob(input: unknown, intake: Intake): Prepared {
  const checked = check(PromptJob, input);
  return checked.ok ? fitIn(checked.value, intake) : checked;
}

/** Likewise a job whose request was read by a schema already: the large part of it need not be looked at again. */
export function prepareRead(job: PromptJob, intake: Intake): Prepared {
  const { messages, tools, response_format, input, ...terms } = job;
  const checked = check(PromptTerms, terms);
  if (!checked.ok) return checked;
  return fitIn({ ...checked.value, ...defined({ messages, tools, response_format, input }) }, intake);
}

function fitIn(asked: PromptJob, intake: Intake): Prepared {
  const job = withAliases(asked, intake.config);
  const problems = problemsOfNames(job, intake.config);
  if (problems.length > 0) return { ok: false, problems };
  const { task, lane, account, ...rest } = job;
  const taskLane = task === undefined ? undefined : intake.config.tasks[task]?.lane;
  return {
    ok: true,
    job: {
      v: 1,
      task: task ?? null,
      lane: lane ?? taskLane ?? intake.lane,
      account: account ?? 'default',
      enqueued_at: intake.now(),
      ...rest,
    },
  };
}

/** A model may be named by its alias or by the provider's pinned id, as batch files written for one provider do. */
function withAliases(job: PromptJob, config: Config): PromptJob {
  const alias = (name: string): string => {
    if (Object.hasOwn(config.models, name)) return name;
    return Object.keys(config.models).find((candidate) => config.models[candidate]?.id === name) ?? name;
  };
  if (job.model !== undefined) return { ...job, model: alias(job.model) };
  return job.models === undefined ? job : { ...job, models: job.models.map(alias) };
}

function problemsOfNames(job: PromptJob, config: Config): Problem[] {
  const problems: Problem[] = [];
  const require = (kind: string, name: string | undefined, known: object, path: (string | number)[]): void => {
    if (name !== undefined && !Object.hasOwn(known, name))
      problems.push({ path, message: unknownName(kind, name, known) });
  };
  require('task', job.task, config.tasks, ['task']);
  require('lane', job.lane, config.lanes, ['lane']);
  require('model', job.model, config.models, ['model']);
  for (const [index, model] of (job.models ?? []).entries()) require('model', model, config.models, ['models', index]);
  return problems;
}
