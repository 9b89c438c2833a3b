import { stringify } from 'yaml';
import type { Config, ExperimentConfig } from '../domain/config.ts';

type Settings = Pick<ExperimentConfig['variants'][string], 'models' | 'strategy' | 'weights'>;

export function settingsOf({ models, strategy, weights }: Settings): Settings {
  return {
    ...(models !== undefined && { models }),
    ...(strategy !== undefined && { strategy }),
    ...(weights !== undefined && { weights }),
  };
}

/** What makes a variant's settings those of the configuration, as YAML with words on what else is to be done. */
export function promotionYaml(name: string, variant: string, config: Config): string {
  const experiment = config.experiments[name];
  const settings = settingsOf(experiment?.variants[variant] ?? {});
  const farewell = `# and take experiments.${name} out`;
  if (Object.keys(settings).length === 0) {
    return `# variant "${variant}" has no settings of its own: take experiments.${name} out, and nothing else`;
  }
  if (experiment?.tasks !== undefined) return `${tasksYaml(experiment.tasks, settings)}${farewell}`;
  const { models, ...ways } = settings;
  const routing = Object.keys(ways).length === 0 ? '' : stringify({ routing: ways });
  if (models === undefined) return `${routing}${farewell}`;
  const word = '# models are listed by task: a job without a task is given one, or a list of its own\n';
  return `${routing}${tasksYaml(Object.keys(config.tasks), { models })}${word}${farewell}`;
}

function tasksYaml(tasks: readonly string[], settings: Settings): string {
  return tasks.length === 0
    ? ''
    : stringify(
        { tasks: Object.fromEntries(tasks.map((task) => [task, { ...settings }])) },
        { aliasDuplicateObjects: false },
      );
}
