import { parentPort, workerData } from 'node:worker_threads';
import type { Dataset } from './data.ts';
import { neighboursOf } from './neighbours.ts';
import { type StreamFigures, streamFigures } from './stream.ts';
import { runTrial, type Setting, settingOf, timesOf, type Trial } from './trial.ts';
import type { DecisionTimes } from './timing.ts';

/** A thread that works on one data set, which is its `workerData`. */

export type Work = { kind: 'trial' | 'times'; salt: string } | { kind: 'stream' };

export type Answer =
  | { kind: 'trial'; trial: Trial }
  | { kind: 'times'; times: Record<'withTask' | 'withoutTask', DecisionTimes> }
  | { kind: 'stream'; stream: StreamFigures[] };

const dataset = workerData as Dataset;
const setting: Setting = settingOf(
  dataset,
  neighboursOf(
    dataset.rows.map(({ prompt }) => prompt),
    dataset.judgedFrom,
  ),
);

// oxlint-disable-next-line unicorn/require-post-message-target-origin -- threads have no origins
parentPort?.on('message', (work: Work) => parentPort?.postMessage(answer(work)));

function answer(work: Work): Answer {
  if (work.kind === 'stream') return { kind: 'stream', stream: streamFigures(dataset) };
  if (work.kind === 'times') return { kind: 'times', times: timesOf(setting, work.salt) };
  return { kind: 'trial', trial: runTrial(setting, work.salt) };
}
