import type { Strategy } from '../../domain/job.ts';
import { InputError } from '../../domain/errors.ts';
import {
  assumedCapabilities,
  CAPABILITIES_ASSUMED,
  createDraft,
  type Draft,
  durationText,
  type Endpoint,
  formatDraft,
  nameOf,
  problemOfEndpoint,
} from './draft.ts';
import { createKeyReader, type KeyReader } from './keys.ts';
import type { ImportedConfig } from './litellm.ts';
import { openSource, type Path, type Source } from './source.ts';
import { findVendor } from './vendors.ts';

/** What is being read, what comes of it, and the model of targets that leave it to the request. */
type Import = { source: Source; draft: Draft; keyAt: KeyReader; usualModel: string | undefined };

const STRATEGIES: Record<string, Strategy> = { fallback: 'order', loadbalance: 'weighted' };

const MOST_ATTEMPTS = 20;

/**
 * A config of Portkey's gateway in our words: its targets become models, and the strategy over them a task `default`. The
 * targets of a conditional strategy become a task each, for the caller to name.
 */
export function importPortkey(text: string, name: string, usualModel: string | undefined): ImportedConfig {
  const source = openSource(text, name);
  if (!['targets', 'provider', 'virtual_key', 'override_params'].some((key) => source.has([key]))) {
    throw new InputError(`${name}: not a config of Portkey's gateway: it has neither targets nor a provider`);
  }
  const work: Import = { source, draft: createDraft(), keyAt: createKeyReader(source), usualModel };
  const isConditional = source.text(['strategy', 'mode']) === 'conditional';
  const aliases = isConditional ? addBranches(work) : addTargets(work, [], []);
  if (aliases.length === 0) {
    throw new InputError([`${name}: none of its targets can be taken over:`, ...source.report().ignored]);
  }
  if (isConditional || aliases.length > 1) addTask(work, [], 'default', aliases);
  Object.assign(work.draft.rest, settingsOf(source, aliases.length));
  return {
    text: formatDraft(work.draft, [`Imported from ${name}, a config of Portkey's gateway.`, CAPABILITIES_ASSUMED]),
    report: source.report(),
  };
}

/** The aliases of all models at and below this place, in order. `above` are the places that it inherits from. */
function addTargets(work: Import, path: Path, above: readonly Path[]): string[] {
  const { source } = work;
  const targets = source.keys([...path, 'targets']);
  if (targets.length === 0) return [addModel(work, path, above)].filter((alias) => alias !== undefined);
  if (path.length > 0 && source.has([...path, 'strategy'])) {
    source.ignored([...path, 'strategy'], 'its targets stand in line with those around them');
  }
  return targets.flatMap((index) => addTargets(work, [...path, 'targets', index], [path, ...above]));
}

/** A task for each target of a conditional strategy; the aliases of the one that is asked when no condition holds. */
function addBranches(work: Import): string[] {
  const { source } = work;
  const branches = source.keys(['targets']).map((index) => {
    const path = ['targets', index];
    return { path, name: source.text([...path, 'name']), aliases: addTargets(work, path, [[]]) };
  });
  for (const index of source.keys(['strategy', 'conditions'])) {
    const path = ['strategy', 'conditions', index];
    const then = source.text([...path, 'then']);
    const branch = branches.find(({ name }) => name === then && name !== undefined);
    if (then === undefined || branch === undefined || branch.aliases.length === 0)
      source.ignored(path, 'it leads to no target that was taken over');
    else {
      addTask(work, branch.path, nameOf(then), branch.aliases);
      source.ignored([...path, 'query'], `who enqueues the job decides: task ${nameOf(then)} where this holds`);
    }
  }
  const usual = source.text(['strategy', 'default']);
  return (branches.find(({ name }) => name === usual) ?? branches[0])?.aliases ?? [];
}

function addTask({ source, draft }: Import, path: Path, task: string, aliases: readonly string[]): void {
  const mode = source.text([...path, 'strategy', 'mode']) ?? 'single';
  const strategy = (Object.hasOwn(STRATEGIES, mode) ? STRATEGIES[mode] : undefined) ?? 'order';
  draft.rest.tasks = { ...draft.rest.tasks, [task]: { models: [...aliases], strategy } };
  source.took([...path, 'strategy'], `task ${task}: ${aliases.join(', ')}, strategy ${strategy}`);
}

function addModel(
  { source, draft, keyAt, usualModel }: Import,
  path: Path,
  above: readonly Path[],
): string | undefined {
  /** Where a setting is said nearest: by the target, else by what is around it. */
  const nearest = (...name: string[]): Path => {
    const places = [path, ...above].map((place) => [...place, ...name]);
    return places.find((place) => source.has(place)) ?? [...path, ...name];
  };
  const refuse = (reason: string): undefined => source.ignored(path, reason);
  const named = source.text(nearest('override_params', 'model'));
  const model = source.text(nearest('azure_deployment_id')) ?? named ?? usualModel;
  if (model === undefined)
    return refuse('its model stands in the requests: add override_params.model, or give --model');
  const endpoint = endpointOf(source, nearest, model, keyAt);
  if (endpoint === undefined) return refuse('its provider is none that Sluice speaks to');
  const problem = problemOfEndpoint(endpoint);
  if (problem !== undefined) return refuse(problem);

  const provider = draft.provider(endpoint);
  const [maxOutput, weight] = [
    source.number(nearest('override_params', 'max_tokens')),
    source.number([...path, 'weight']),
  ];
  const alias = draft.model(source.text([...path, 'name']) ?? model, {
    provider,
    id: model,
    ...(maxOutput === undefined ? {} : { max_output: maxOutput }),
    capabilities: assumedCapabilities(model),
    ...(weight === undefined || weight === 1 ? {} : { weight }),
  });
  source.took(path, `model ${alias}, ${model} of provider ${provider}`);
  return alias;
}

/** A provider by its own name is called directly; a slug or a virtual key is Portkey's to resolve. */
function endpointOf(
  source: Source,
  nearest: (...name: string[]) => Path,
  model: string,
  keyAt: KeyReader,
): Endpoint | undefined {
  const name = source.text(nearest('provider'));
  const virtualKey = source.text(nearest('virtual_key'));
  const timeoutMs = source.number(nearest('request_timeout'));
  const timeout = timeoutMs === undefined || timeoutMs <= 0 ? {} : { timeout: durationText(timeoutMs) };
  const isSlug = virtualKey !== undefined || name?.startsWith('@') || (name === undefined && model.startsWith('@'));
  const vendor = findVendor(isSlug ? 'portkey' : (name ?? ''));
  if (vendor === undefined) return undefined;
  if (isSlug) {
    const portkey = {
      ...(name === undefined ? {} : { provider: name }),
      ...(virtualKey === undefined ? {} : { virtual_key: virtualKey }),
    };
    const more = { ...(Object.keys(portkey).length === 0 ? {} : { portkey }), ...timeout };
    return { vendor, baseUrl: undefined, keys: [{ variable: vendor.key ?? '', weight: 1 }], more };
  }
  const key = keyAt(nearest('api_key'), vendor);
  const resource = source.text(nearest('azure_resource_name'));
  const apiVersion = vendor.kind === 'azure' ? source.text(nearest('azure_api_version')) : undefined;
  return {
    vendor,
    baseUrl: resource === undefined ? source.text(nearest('custom_host')) : `https://${resource}.openai.azure.com`,
    keys: key === undefined ? [] : [{ variable: key, weight: 1 }],
    more: { ...(apiVersion === undefined ? {} : { azure: { api_version: apiVersion } }), ...timeout },
  };
}

function settingsOf(source: Source, modelCount: number): Draft['rest'] {
  const [retries, cacheMode, maxAge] = [
    source.number(['retry', 'attempts']),
    source.text(['cache', 'mode']),
    source.number(['cache', 'max_age']),
  ];
  const [failures, percentage, cooldownMs] = [
    'failure_threshold',
    'failure_threshold_percentage',
    'cooldown_interval',
  ].map((name) => source.number(['strategy', 'cb_config', name]));
  const attempts = retries === undefined ? undefined : Math.min(MOST_ATTEMPTS, Math.max(0, retries) + modelCount);
  if (attempts !== undefined)
    source.took(['retry'], `routing.max_attempts ${attempts}: retries and fallbacks together`);
  if (source.has(['strategy', 'on_status_codes'])) {
    source.ignored(
      ['strategy', 'on_status_codes'],
      'Sluice goes on after every failure that another model may not have',
    );
  }
  if (source.has(['retry', 'on_status_codes'])) {
    source.ignored(['retry', 'on_status_codes'], 'Sluice retries what may pass, by the kind of failure');
  }
  if (cacheMode === 'semantic') source.ignored(['cache', 'mode'], 'requests have to be the same to the letter');
  if (cacheMode !== undefined) source.took(['cache'], 'cache, of requests that are the same to the letter');
  const circuit = {
    ...(failures === undefined ? {} : { failures: Math.max(1, failures) }),
    ...(percentage === undefined ? {} : { failure_share: percentage / 100 }),
    ...(cooldownMs === undefined ? {} : { cooldown: `${cooldownMs}ms` }),
  };
  if (Object.keys(circuit).length > 0) source.took(['strategy', 'cb_config'], 'circuit');
  return {
    ...(attempts === undefined ? {} : { routing: { max_attempts: attempts } }),
    ...(Object.keys(circuit).length === 0 ? {} : { circuit }),
    ...(cacheMode === undefined
      ? {}
      : { cache: { enabled: true, any_temperature: true, ...(maxAge ? { ttl: `${maxAge}s` } : {}) } }),
  };
}
