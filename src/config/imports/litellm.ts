import type { ProviderConfig, TaskConfig } from '../../domain/config.ts';
import { InputError } from '../../domain/errors.ts';
import type { ModelEntry } from '../lists/listing.ts';
import type { PriceCatalogue } from '../price-catalogue.ts';
import { assumedCapabilities, CAPABILITIES_ASSUMED, createDraft, type Draft, formatDraft, nameOf } from './draft.ts';
import { type Deployment, readDeployments } from './litellm-deployments.ts';
import {
  type Fallbacks,
  NOT_TAKEN_OVER,
  readFallbacks,
  readSettings,
  strategyOf,
  timeoutOf,
} from './litellm-settings.ts';
import { type ImportReport, openSource, type Source } from './source.ts';

export type ImportedConfig = { text: string; report: ImportReport };

/**
 * A configuration of LiteLLM's proxy (`config.yaml`) in our words. Deployments that differ in their keys alone become one
 * model of a provider with several keys, the others models of their own. A name that several models answer to, or that
 * has fallbacks, becomes a task: its models are asked in that order.
 */
export function importLiteLlm(text: string, name: string, catalogue: () => PriceCatalogue): ImportedConfig {
  const source = openSource(text, name);
  if (source.keys(['model_list']).length === 0) {
    throw new InputError(`${name}: not a configuration of LiteLLM's proxy: it has no model_list`);
  }
  const deployments = readDeployments(source);
  if (deployments.length === 0) {
    throw new InputError([`${name}: no entry of its model_list can be taken over:`, ...source.report().ignored]);
  }
  const draft = createDraft();
  const groups = new Map<string, string[]>();
  for (const [group, members] of Map.groupBy(deployments, (deployment) => deployment.group)) {
    groups.set(group, addModels(source, draft, group, members, catalogue));
  }
  const fallbacks = readFallbacks(source, new Set(groups.keys()));
  addTasks(source, draft, groups, fallbacks, deployments);
  Object.assign(draft.rest, readSettings(source, fallbacks));
  return {
    text: formatDraft(draft, [`Imported from ${name}, a configuration of LiteLLM's proxy.`, CAPABILITIES_ASSUMED]),
    report: source.report(),
  };
}

/** The aliases of a group's models, those that are to be asked first in front. */
function addModels(
  source: Source,
  draft: Draft,
  group: string,
  members: readonly Deployment[],
  catalogue: () => PriceCatalogue,
): string[] {
  const alike = Map.groupBy(members, ({ path: _path, key: _key, weight: _weight, ...same }) => JSON.stringify(same));
  const ordered = [...alike.values()].toSorted((left, right) => placeOf(left) - placeOf(right));
  return ordered.map((deployments) => {
    const [first] = deployments as [Deployment];
    const keys = Map.groupBy(
      deployments.filter(({ key }) => key !== undefined),
      ({ key }) => key ?? '',
    );
    const timeout = timeoutOf(source, first.timeoutSeconds);
    const provider = draft.provider({
      vendor: first.vendor,
      baseUrl: first.baseUrl,
      keys: [...keys].map(([variable, same]) => ({ variable, weight: weightOf(same) / same.length })),
      more: { ...(timeout === undefined ? {} : { timeout }), ...first.more },
    });
    const alias = draft.model(group, modelOf(provider, deployments, draft, catalogue));
    for (const { path } of deployments) {
      source.took(
        path,
        `model ${alias}, ${first.id} of provider ${provider}${keys.size > 1 ? `, with ${keys.size} keys` : ''}`,
      );
    }
    return alias;
  });
}

function placeOf([first]: readonly Deployment[]): number {
  return first?.order ?? Number.POSITIVE_INFINITY;
}

function weightOf(deployments: readonly Deployment[]): number {
  return deployments.reduce((sum, { weight }) => sum + weight, 0);
}

function modelOf(
  provider: string,
  deployments: readonly Deployment[],
  draft: Draft,
  catalogue: () => PriceCatalogue,
): ModelEntry {
  const [deployment] = deployments as [Deployment];
  const { id, price, context, maxOutput, capabilities, limits, baseModel } = deployment;
  const weight = weightOf(deployments);
  return {
    provider,
    id,
    ...(price === undefined ? priceOfBaseModel(draft.providers[provider]?.kind, baseModel, catalogue) : { price }),
    ...(context === undefined ? {} : { context }),
    ...(maxOutput === undefined ? {} : { max_output: maxOutput }),
    capabilities: capabilities ?? assumedCapabilities(id),
    ...(weight === 1 ? {} : { weight }),
    ...(Object.keys(limits).length === 0 ? {} : { limits }),
  };
}

/** A deployment at Azure has a name of its own, which no catalogue knows. */
function priceOfBaseModel(
  kind: ProviderConfig['kind'] | undefined,
  baseModel: string | undefined,
  open: () => PriceCatalogue,
): Pick<ModelEntry, 'price' | 'price_source' | 'context'> {
  if (baseModel === undefined || kind !== 'azure') return {};
  const catalogue = open();
  const known = catalogue.find({ kind: 'azure', base_url: '' } as ProviderConfig, baseModel.replace(/^azure\//, ''));
  if (known?.price === undefined) return {};
  return {
    price: known.price,
    price_source: catalogue.source,
    ...(known.context === undefined ? {} : { context: known.context }),
  };
}

/** A task for each name behind which more than one model stands. */
function addTasks(
  source: Source,
  draft: Draft,
  groups: ReadonlyMap<string, readonly string[]>,
  { byGroup, general }: Fallbacks,
  deployments: readonly Deployment[],
): void {
  const tasks: Record<string, Partial<TaskConfig>> = {};
  const balanced = strategyOf(source);
  for (const [group, models] of groups) {
    const others = [...(byGroup.get(group) ?? []), ...general].filter((each) => each !== group);
    const chain = [...new Set([...models, ...others.flatMap((each) => groups.get(each) ?? [])])];
    if (chain.length === 1) continue;
    const hasOrder = deployments.some((each) => each.group === group && each.order !== undefined);
    const isChain = chain.length > models.length || hasOrder;
    const task = nameOf(group);
    tasks[task] = { models: chain, strategy: isChain ? 'order' : balanced };
    source.took(
      deployments.find((each) => each.group === group)?.path ?? [],
      `task ${task}: ${chain.join(', ')}; jobs that name it as their task, and no model, are tried on all of them`,
    );
  }
  for (const alias of source.keys(['router_settings', 'model_group_alias'])) {
    const path = ['router_settings', 'model_group_alias', alias];
    const models = groups.get(source.text(path) ?? '');
    if (models === undefined) source.ignored(path, NOT_TAKEN_OVER);
    else {
      tasks[nameOf(String(alias))] = { models: [...models], strategy: balanced };
      source.took(path, `task ${nameOf(String(alias))}: ${models.join(', ')}`);
    }
  }
  if (Object.keys(tasks).length > 0) draft.rest.tasks = tasks;
}
