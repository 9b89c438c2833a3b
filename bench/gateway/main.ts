import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { inLaboratory } from '../laboratory.ts';
import { type Contender, type ContenderName, JSON_HEADERS, type Stage } from './contender.ts';
import { makeInstallFolder } from './install.ts';
import { LITELLM_VERSION, startLiteLlm } from './litellm.ts';
import { PORTKEY_VERSION, startPortkey } from './portkey.ts';
import { type Report, summaryOf, textOf, writePage } from './report.ts';
import { measureRounds } from './rounds.ts';
import { startSluice } from './sluice.ts';
import { CONNECTIONS, type Effort, FULL, QUICK, simProfiles } from './workload.ts';

/**
 * `npm run bench:gateway -- [--quick] [--json] [--write] [--only sluice,portkey,litellm] [--latency-ms 20]`: what
 * gateways add to the latency of one simulated provider. Prints tables; with `--write` also `docs/benchmarks-gateway.md`,
 * with `--json` one object of medians instead.
 */

type Start = { name: ContenderName; start: (stage: Stage) => Promise<Contender> };

const RIVALS: Record<string, readonly Start[]> = {
  sluice: [{ name: 'sluice', start: startSluice }],
  portkey: [{ name: 'portkey', start: startPortkey }],
  litellm: [
    { name: 'litellm_1', start: (stage) => startLiteLlm(stage, 1) },
    { name: 'litellm_2', start: (stage) => startLiteLlm(stage, 2) },
  ],
};

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
    only: { type: 'string', default: Object.keys(RIVALS).join(',') },
    'latency-ms': { type: 'string', default: '20' },
  },
});
const chosen = rivalsNamed(values.only);
const latencyMs = parseLatency(values['latency-ms']);
const effort = values.quick ? QUICK : FULL;
const say = (line: string): void => console.error(line);

// Outside of the laboratory: when that is interrupted, it does not wait for the work in it.
await using cleanup = new AsyncDisposableStack();
const { report, redisVersion } = await inLaboratory(async (laboratory) => {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-bench-gateway-'));
  cleanup.defer(() => rm(folder, { recursive: true, force: true }));
  const stage: Stage = { laboratory, folder, installFolder: await makeInstallFolder(), cleanup, say };
  const url = `${laboratory.simUrl}/chat/completions`;
  const contenders: Contender[] = [{ name: 'direct', url, headers: { ...JSON_HEADERS }, roots: [] }];
  const missing: Report['missing'] = [];
  for (const { name, start } of chosen) {
    if (cleanup.disposed) throw new Error('interrupted');
    say(`starting ${name}`);
    try {
      contenders.push(await start(stage));
    } catch (error) {
      missing.push({ name, reason: error instanceof Error ? error.message : String(error) });
    }
  }
  const measured = await measureRounds(contenders, effort, say);
  // Sluice before its Redis.
  await cleanup.disposeAsync();
  return { report: { measured, missing, latencyMs }, redisVersion: laboratory.redisVersion };
}, simProfiles(latencyMs));

console.log(values.json ? JSON.stringify(summaryOf(report)) : textOf(report));
if (values.write) await writePage(report, describeMethod(effort), redisVersion);
if (report.missing.length > 0) process.exitCode = 1;

function rivalsNamed(list: string): Start[] {
  return list
    .split(',')
    .flatMap((name) => RIVALS[name] ?? fail(`unknown gateway "${name}"; known: ${Object.keys(RIVALS).join(', ')}`));
}

function parseLatency(text: string): number {
  const latency = Number(text);
  if (!/^\d+$/.test(text) || latency > 1_000) fail(`--latency-ms takes 0 to 1000, not "${text}"`);
  return latency;
}

function fail(message: string): never {
  console.error(message);
  process.exit(2);
}

function describeMethod({ rounds, warmUpMs, measureMs, streamMs }: Effort): string {
  return `
## This run

The provider answers after ${latencyMs} ms. ${rounds} rounds; in each, at ${CONNECTIONS.join(', ')} connections, everybody in turns: ${warmUpMs / 1_000} s to warm
up, ${measureMs / 1_000} s measured, then streams for ${streamMs / 1_000} s. Portkey's gateway ${PORTKEY_VERSION}, LiteLLM ${LITELLM_VERSION}.
`;
}
