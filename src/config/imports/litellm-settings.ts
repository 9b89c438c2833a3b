import type { Strategy } from '../../domain/job.ts';
import { type Draft, durationText } from './draft.ts';
import type { Path, Source } from './source.ts';

/** Who answers when a group cannot: for each group, and for all. */
export type Fallbacks = { byGroup: ReadonlyMap<string, readonly string[]>; general: readonly string[] };

/** Both sections may say the same things; the router's own word counts. */
const SECTIONS = ['router_settings', 'litellm_settings'] as const;

/** `num_retries` of the router's settings, else of the general ones. */
function setting(source: Source, name: string): Path {
  const path = (section: string): Path => [section, name];
  return path(SECTIONS.find((section) => source.has([section, name])) ?? SECTIONS[0]);
}

/**
 * The three kinds of fallbacks in one list: Sluice itself goes on to a larger context when that was too short, and to
 * the next model when an answer was filtered.
 */
export function readFallbacks(source: Source, groups: ReadonlySet<string>): Fallbacks {
  const byGroup = new Map<string, string[]>();
  const general: string[] = [];
  for (const section of SECTIONS) {
    for (const kind of ['fallbacks', 'context_window_fallbacks', 'content_policy_fallbacks']) {
      for (const index of source.keys([section, kind])) {
        for (const group of source.keys([section, kind, index])) {
          const path = [section, kind, index, group];
          const name = String(group);
          if (name === '*') general.push(...namesAt(source, path, groups));
          else if (!groups.has(name)) source.ignored(path, NOT_TAKEN_OVER);
          else byGroup.set(name, [...(byGroup.get(name) ?? []), ...namesAt(source, path, groups)]);
        }
      }
    }
    general.push(...namesAt(source, [section, 'default_fallbacks'], groups));
  }
  return { byGroup, general };
}

export const NOT_TAKEN_OVER = 'no deployment that was taken over has that name';

/** A fallback is a name, or an object with other messages, of which the name alone is taken. */
function namesAt(source: Source, path: Path, groups: ReadonlySet<string>): string[] {
  const names = source.keys(path).flatMap((index) => {
    const each = [...path, index];
    const name = source.text(source.has([...each, 'model']) ? [...each, 'model'] : each);
    if (name !== undefined && groups.has(name)) return [name];
    if (name !== undefined) source.ignored(each, NOT_TAKEN_OVER);
    return [];
  });
  if (names.length > 0) source.took(path, `further models: ${names.join(', ')}`);
  return names;
}

const STRATEGIES: Record<string, Strategy> = {
  'simple-shuffle': 'weighted',
  'least-busy': 'weighted',
  'usage-based-routing': 'weighted',
  'usage-based-routing-v2': 'weighted',
  'latency-based-routing': 'latency',
  'cost-based-routing': 'cost',
};

/** How calls are shared out among the models of one name. */
export function strategyOf(source: Source): Strategy {
  const path = setting(source, 'routing_strategy');
  const name = source.text(path);
  if (name === undefined) return 'weighted';
  const strategy = Object.hasOwn(STRATEGIES, name) ? STRATEGIES[name] : undefined;
  if (strategy === undefined) source.ignored(path, 'not a strategy that is known; calls are shared out by weight');
  else source.took(path, `strategy ${strategy} of the tasks whose models share their calls`);
  return strategy ?? 'weighted';
}

/** How long one call may take: the deployment's own limit, else the one for all; `90s`. */
export function timeoutOf(source: Source, ownSeconds: number | undefined): string | undefined {
  const names = ['timeout', 'request_timeout'];
  const general = names.map((name) => setting(source, name)).find((path) => source.has(path));
  const seconds = ownSeconds ?? (general && source.number(general));
  return seconds === undefined || seconds <= 0 ? undefined : durationText(seconds * 1_000);
}

/** What is neither a model nor a task. */
export function readSettings(source: Source, { byGroup, general }: Fallbacks): Draft['rest'] {
  const routing = routingOf(source, Math.max(0, ...[...byGroup.values()].map(({ length }) => length)) + general.length);
  const [circuit, budgets, cache] = [circuitOf(source), budgetsOf(source), cacheOf(source)];
  return {
    ...(routing === undefined ? {} : { routing }),
    ...(circuit === undefined ? {} : { circuit }),
    ...(budgets === undefined ? {} : { budgets }),
    ...(cache === undefined ? {} : { cache }),
  };
}

const MOST_ATTEMPTS = 20;

function routingOf(source: Source, longestChain: number): Draft['rest']['routing'] {
  const path = setting(source, 'num_retries');
  const retries = source.number(path);
  if (retries === undefined || retries < 0) return undefined;
  const attempts = Math.min(MOST_ATTEMPTS, Math.round(retries) + 1 + longestChain);
  source.took(path, `routing.max_attempts ${attempts}: retries and fallbacks together`);
  return { max_attempts: attempts };
}

const LONGEST_COOLDOWN_SECONDS = 3_600;
const SHORTEST_COOLDOWN_SECONDS = 0.1;

/** LiteLLM leaves a deployment alone after more than `allowed_fails` failures within a minute. */
function circuitOf(source: Source): Draft['rest']['circuit'] {
  const [failsPath, cooldownPath] = [setting(source, 'allowed_fails'), setting(source, 'cooldown_time')];
  const [fails, seconds] = [source.number(failsPath), source.number(cooldownPath)];
  if (fails !== undefined) source.took(failsPath, `circuit.failures ${failureCount(fails)} within a minute`);
  const cooldown = seconds && Math.min(LONGEST_COOLDOWN_SECONDS, Math.max(SHORTEST_COOLDOWN_SECONDS, seconds));
  if (cooldown !== undefined) source.took(cooldownPath, `circuit.cooldown ${cooldown}s`);
  if (fails === undefined && cooldown === undefined) return undefined;
  return {
    ...(fails === undefined ? {} : { failures: failureCount(fails), failure_share: 0, window: '60s' }),
    ...(cooldown === undefined ? {} : { cooldown: `${cooldown}s` }),
    ...(cooldown !== undefined && cooldown > LONGEST_COOLDOWN_DEFAULT_SECONDS
      ? { longest_cooldown: `${cooldown}s` }
      : {}),
  };
}

/** Of ours: a longer one raises it. */
const LONGEST_COOLDOWN_DEFAULT_SECONDS = 300;

function failureCount(allowedFails: number): number {
  return Math.min(10_000, Math.max(1, Math.round(allowedFails) + 1));
}

const WINDOWS: Record<string, 'hour' | 'day' | 'week' | 'month'> = {
  '1h': 'hour',
  '60m': 'hour',
  '1d': 'day',
  '24h': 'day',
  '7d': 'week',
  '30d': 'month',
  '1mo': 'month',
};

function budgetsOf(source: Source): Draft['rest']['budgets'] {
  const section = ['litellm_settings', 'general_settings'].find((each) => source.has([each, 'max_budget']));
  if (section === undefined) return undefined;
  const [path, durationPath] = [
    [section, 'max_budget'],
    [section, 'budget_duration'],
  ] as const;
  const limit = source.number(path);
  const duration = source.text(durationPath);
  if (limit === undefined) return undefined;
  const window = duration !== undefined && Object.hasOwn(WINDOWS, duration) ? WINDOWS[duration] : undefined;
  if (duration !== undefined && window === undefined) {
    source.ignored(durationPath, 'a budget is for an hour, a day, a week, a month or for good: this one is for good');
  }
  source.took(path, `budget everything: $${limit} ${window === undefined ? 'in total' : `a ${window}`}`);
  return { everything: { limit_usd: limit, window: window ?? 'total' } };
}

function cacheOf(source: Source): Draft['rest']['cache'] {
  const path = ['litellm_settings', 'cache'];
  if (source.flag(path) !== true) return undefined;
  const parameters = ['litellm_settings', 'cache_params'];
  const type = source.text([...parameters, 'type']);
  if (type?.includes('semantic')) source.ignored([...parameters, 'type'], 'requests have to be the same to the letter');
  const ttl = source.number([...parameters, 'ttl']);
  source.took(path, `cache, of requests that are the same to the letter${ttl === undefined ? '' : `, for ${ttl} s`}`);
  return { enabled: true, any_temperature: true, ...(ttl !== undefined && ttl > 0 ? { ttl: `${ttl}s` } : {}) };
}
