import type { JobResult } from '../../src/domain/result.ts';
import type { FaultRule } from '../../src/sim/faults.ts';
import { type Harness, type HarnessOptions, useHarness } from './harness.ts';

/** For the top of a test file: runs one job through workers of its own; with the harness, to look at what it left. */
export function useOneJob(): (
  faults: readonly FaultRule[],
  job?: object,
  config?: NonNullable<HarnessOptions['config']>,
) => Promise<Harness & { result: JobResult }> {
  const open = useHarness();
  return async (faults, job = {}, config = {}) => {
    const harness = await open({ faults, config });
    await harness.startPool();
    const [result] = await harness.run([{ prompt: 'What is 2 + 2?', ...job }]);
    if (!result) throw new Error('no result');
    return { ...harness, result };
  };
}

/** `small PROVIDER_OVERLOADED`, `medium completed`: a job's attempts in their order. */
export function attemptsOf(result: JobResult | undefined): string[] {
  return (result?.attempts ?? []).map((attempt) => `${attempt.model} ${attempt.error_code ?? attempt.outcome}`);
}
