import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { parse } from 'yaml';
import { parseAnswers } from '../sim/answers.ts';
import { parseFaultRule } from '../sim/faults.ts';
import { parseProfiles } from '../sim/profiles.ts';
import { type Sim, startSim } from '../sim/server.ts';
import { readText } from '../config/config-file.ts';
import { bundledFile } from './context.ts';

export const DEMO = {
  config: 'examples/demo/sluice.yaml',
  batch: 'examples/demo/batch.jsonl',
  models: 'examples/demo/models.yaml',
  answers: 'examples/demo/answers.jsonl',
} as const;

/** An outage, throttling and errors: enough that fallbacks and deferrals are seen in every run. */
const FAULTS = ['sim/coder-1=503:1,first=6', 'sim/nano-1=429:0.1,retry_after=1', '*=503:0.05', 'sim/large-1=500:0.05'];

/** The simulated provider of the demo, with its faults switched on. */
export async function startDemoProvider(seed: number): Promise<Sim> {
  const lines: string[] = [];
  for await (const line of createInterface({ input: createReadStream(bundledFile(DEMO.answers)) })) lines.push(line);
  return startSim({
    seed,
    profiles: parseProfiles(parse(readText(bundledFile(DEMO.models)))),
    answers: parseAnswers(lines),
    faults: FAULTS.map(parseFaultRule),
  });
}
