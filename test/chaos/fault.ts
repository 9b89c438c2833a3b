import type { Patch } from './load-patches.ts';

/** What an audit found, the same for every fault: counts, unless the name says nano-dollars, US dollars or seconds. */
export type Figures = {
  /** That were submitted. */
  jobs: number;
  /** Without a result in the end. */
  lost: number;
  /** Jobs that were charged for more than one answer. */
  completed_twice: number;
  /** That the provider accepted, by its own book. */
  provider_calls: number;
  /** Calls without a usage record. */
  unrecorded: number;
  /** Attempts with more than one usage record, corrections aside. */
  duplicate_records: number;
  /** Calls for a job that were accepted after its result was stored. */
  calls_after_settle: number;
  /** Still reserved in the end, in nano-dollars. */
  held: number;
  /** Of all budgets together, in nano-dollars. */
  spent_minus_stream: number;
  overshoot_usd: number;
  /** Calls beyond those that the policy asks for. */
  duplicate_calls: number;
  /** How many of them the faults explain: the calls that were in flight. */
  duplicate_bound: number;
  /** From a fault to the end of the jobs that it hit; null where nothing had to recover. */
  recovery_p50_s: number | null;
  recovery_max_s: number | null;
};

export type FaultReport = Figures & {
  name: string;
  ok: boolean;
  /** What is wrong, a line each; empty when `ok`. */
  violations: string[];
  /** Of the batch that is killed at half: what the provider did for it against what one pass needs. */
  resume_spend_ratio?: number;
};

export type Plant = { name: string; patches: readonly Patch[] };

export type FaultContext = {
  seed: number;
  /** Smaller numbers and fewer repeats. */
  short: boolean;
  /** A bug that every worker is given on purpose. */
  plant?: Plant;
};

/** One way in which things go wrong, and the proof of what holds all the same. */
export type Fault = {
  name: string;
  /** Also run with `--short`. */
  isShort: boolean;
  /** It loads the machine, so that nothing may run beside it. */
  isHeavy?: boolean;
  /** Never rejects for a fault of the installation, which is a violation; never takes longer than its own deadline. */
  run(context: FaultContext): Promise<FaultReport>;
};
