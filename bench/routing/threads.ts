import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { Dataset } from './data.ts';
import type { Answer, Work } from './trial-process.ts';

const THREAD = new URL('trial-process.ts', import.meta.url);

/** All answers, in the order of the works; one thread a core unless told otherwise. */
export async function workOn(
  dataset: Dataset,
  works: readonly Work[],
  threads = availableParallelism(),
): Promise<Answer[]> {
  const answers: Answer[] = [];
  const left = works.map((work, index) => ({ work, index }));
  const thread = async (): Promise<void> => {
    const worker = new Worker(THREAD, { workerData: dataset });
    try {
      for (let next = left.shift(); next !== undefined; next = left.shift()) {
        answers[next.index] = await answerTo(worker, next.work);
      }
    } finally {
      await worker.terminate();
    }
  };
  await Promise.all(Array.from({ length: Math.min(threads, works.length) }, thread));
  return answers;
}

function answerTo(worker: Worker, work: Work): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const settled = (settle: () => void): void => {
      worker.removeAllListeners('message');
      worker.removeAllListeners('error');
      settle();
    };
    worker.once('message', (answer: Answer) => settled(() => resolve(answer)));
    worker.once('error', (error) => settled(() => reject(error)));
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- threads have no origins
    worker.postMessage(work);
  });
}
