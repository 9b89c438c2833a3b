import type { Strategy } from '../../domain/job.ts';
import { costUtility } from './cost.ts';
import { hybridUtility } from './hybrid.ts';
import { latencyUtility } from './latency.ts';
import { orderUtility } from './order.ts';
import { randomUtility } from './random.ts';
import { roundRobinUtility } from './round-robin.ts';
import { taskUtility } from './task.ts';
import type { Utility } from './utility.ts';
import { weightedUtility } from './weighted.ts';

export type { Field, StrategyContext, Weights } from './utility.ts';

export const UTILITIES: Record<Strategy, Utility> = {
  hybrid: hybridUtility,
  cost: costUtility,
  latency: latencyUtility,
  task: taskUtility,
  order: orderUtility,
  random: randomUtility,
  weighted: weightedUtility,
  'round-robin': roundRobinUtility,
};
