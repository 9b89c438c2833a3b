import type { Config } from '../../domain/config.ts';
import { embeddedRedisStatus } from '../../store/embedded/index.ts';
import { type GateStatus, readGates, readLimitRefusals } from '../../store/gates/read.ts';
import { createKeys } from '../../store/keys.ts';
import type { Context } from '../context.ts';
import { openRedis } from '../redis.ts';
import type { Finding } from './finding.ts';

/**
 * Which keys and models all workers leave alone now, and why; and how often limits for callers have had calls wait. Nothing
 * is started for it: no Redis, no gates.
 */
export async function checkGates(
  context: Context,
  { redis, limits }: Pick<Config, 'redis' | 'limits'>,
): Promise<Finding[]> {
  try {
    const isNamed = Boolean(context.env['REDIS_URL'] || redis.url);
    if (!isNamed && !(await isInUse(context.directory))) return [];
    const open = await openRedis(context, redis.url);
    try {
      const keys = createKeys(redis.prefix);
      const [gates, refusals] = await Promise.all([readGates(open.redis, keys), readLimitRefusals(open.redis, keys)]);
      return [
        ...gates.filter(({ state }) => state !== 'passing').map(describe),
        ...Object.keys(limits).map((name) => describeLimit(name, refusals.get(name) ?? 0)),
      ];
    } finally {
      await open.close();
    }
  } catch {
    // That Redis cannot be used has been said by its own check.
    return [];
  }
}

/** One that was left behind is not: to look into it and leave again would stop it. */
async function isInUse(directory: string): Promise<boolean> {
  const status = await embeddedRedisStatus(directory);
  return status.running && status.userPids.length > 0;
}

const REASONS: Record<NonNullable<GateStatus['reason']>, string> = {
  rate: 'its limit is used up',
  concurrency: 'all its calls are under way',
  throttled: 'the provider throttles it',
  circuit: 'its calls fail',
  key: 'it is refused',
};

function describe({ provider, key, model, state, reason = 'throttled', code, sinceMs, untilMs }: GateStatus): Finding {
  const what = [
    `provider ${provider}`,
    key === undefined ? '' : `key ${key}`,
    model === undefined ? '' : `model ${model}`,
  ];
  const why = `${REASONS[reason]}${code === undefined ? '' : ` (${code})`}`;
  const since = sinceMs === undefined ? '' : ` since ${timeOf(sinceMs)}`;
  const next = state === 'trying' ? 'one call is trying it' : `no calls until ${timeOf(untilMs ?? 0)}`;
  const message = `${what.filter(Boolean).join(', ')}: ${why}${since}; ${next}`;
  return { check: 'provider', status: 'warn', message };
}

/** Of callers there may be any number: they are not told one by one. */
function describeLimit(name: string, refusals: number): Finding {
  const times = refusals === 1 ? 'once' : `${refusals.toLocaleString('en-US')} times`;
  const message = `limit ${name}: ${refusals === 0 ? 'no call has had to wait for it' : `calls had to wait for it ${times}`}`;
  return { check: 'configuration', status: 'ok', message };
}

function timeOf(epochMs: number): string {
  return new Date(epochMs).toISOString().slice(0, 19).replace('T', ' ').concat(' UTC');
}
