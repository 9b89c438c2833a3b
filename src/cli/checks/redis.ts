import {
  EmbeddedRedisError,
  embeddedRedisStatus,
  findRedisServer,
  redisMissingMessage,
} from '../../store/embedded/index.ts';
import { problemsOfServer } from '../../store/fitness.ts';
import { connect, describeTarget } from '../../store/redis.ts';
import type { Context } from '../context.ts';
import { plural } from '../format.ts';
import { SLUICE } from '../invocation.ts';
import type { Finding } from './finding.ts';

/** The Redis that commands in this folder would use: the one that is named, else the folder's own. */
export async function checkRedis(context: Context, configuredUrl: string | undefined): Promise<Finding[]> {
  const url = context.env['REDIS_URL'] || configuredUrl;
  try {
    return url ? await checkNamed(url) : await checkEmbedded(context.directory);
  } catch (error) {
    return [found('fail', error instanceof Error ? error.message.replaceAll('\n', ' ') : 'it does not answer')];
  }
}

async function checkNamed(url: string): Promise<Finding[]> {
  const target = { url };
  const redis = connect(target, { name: 'sluice:doctor' });
  const where = describeTarget(target);
  try {
    const problems = await problemsOfServer(redis);
    const version = /^(valkey|redis)_version:(\S+)/m.exec(sortedVersions(await redis.info('server')));
    const findings = problems.map(({ fatal, message }) => found(fatal ? 'fail' : 'warn', `${where}: ${message}`));
    if (findings.some((finding) => finding.status === 'fail')) return findings;
    return [found('ok', `${where} answers (${version?.[1] ?? 'redis'} ${version?.[2] ?? ''})`), ...findings];
  } catch (error) {
    return [found('fail', `${where} cannot be used: ${error instanceof Error ? error.message : 'no answer'}`)];
  } finally {
    redis.disconnect();
  }
}

/** Valkey names itself beside the version of Redis that it stands for. */
function sortedVersions(info: string): string {
  return info.split(/\r?\n/).toSorted().toReversed().join('\n');
}

async function checkEmbedded(directory: string): Promise<Finding[]> {
  const binary = await findRedisServer();
  const program =
    binary === undefined
      ? found('fail', missingProgram())
      : found('ok', `${binary.name} ${binary.version} (${binary.path}); this folder gets one of its own`);
  return [program, ...(await checkRunning(directory))];
}

async function checkRunning(directory: string): Promise<Finding[]> {
  try {
    const status = await embeddedRedisStatus(directory);
    if (!status.running) return [];
    const { pid, userPids } = status;
    if (userPids.length > 0)
      return [found('ok', `it is running (pid ${pid}) for ${plural(userPids.length, 'command')}`)];
    return [found('warn', `it was left running (pid ${pid}) by a command that was killed; "${SLUICE} down" stops it`)];
  } catch (error) {
    if (error instanceof EmbeddedRedisError) return [found('fail', error.message.replaceAll('\n', ' '))];
    throw error;
  }
}

/** The ways to get one, on one line. */
function missingProgram(): string {
  const [problem, ...ways] = redisMissingMessage().split('\n');
  return `${problem} ${ways.map((way) => way.trim().replace(/ {2,}/, ': ')).join('; ')}`;
}

function found(status: Finding['status'], message: string): Finding {
  return { check: 'redis', status, message };
}
