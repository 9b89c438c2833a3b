/** What ADMIT is told of each attempt, in this order. `budgets` is a JSON list of {key, limit}, `keys` one of the keys. */
export const ADMIT_FIELDS = [
  'job',
  'attempt',
  'hold',
  'budgets',
  'keys',
  'batch',
  'cache',
  'record',
  'summary',
] as const;

/** What SETTLE is told of each attempt or ending, in this order; '' where there is nothing to tell. */
export const SETTLE_FIELDS = [
  /** 'call' | 'cached' | 'cancel' | 'none' */
  'kind',
  'job',
  'attempt',
  'cost',
  'record',
  'summary',
  'batch',
  /** '' when the job goes on. */
  'result',
  /** The counter of the batch that the ending moves: 'completed' | 'failed'. */
  'counted',
  /** '1' when this was not the job's first attempt. */
  'fallback',
  /** For 'cancel': how many failed attempts the result tells of. */
  'told',
  'cache',
  'completion',
  'cache_ttl',
  'model',
  /** Observed, in ms; -1 for a failure. */
  'latency',
  /** 'until:since:code', the times in epoch ms. */
  'bench',
  /** Those that are benched, a line each. */
  'models',
  /** When a call that was answered began, in epoch ms. */
  'began',
] as const;
