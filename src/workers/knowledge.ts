import { seededRandom } from '../domain/seeded-random.ts';
import type { AttemptSummary } from '../domain/result.ts';
import type { Knowledge } from '../router/index.ts';
import { benchedFor } from './gates.ts';
import { attemptIdOf, type Services, type Start } from './services.ts';

/** What the router is told besides the job itself, as it is known now. Its chance is the attempt's: it can be played again. */
export function knowledgeFor(start: Start, services: Services): Knowledge {
  return {
    now: services.now(),
    random: seededRandom(attemptIdOf(start)),
    latencies: services.observations().latencies,
    benchedUntil: benchedFor(start, services),
    evidence: services.evidence(),
    inFlight: services.calls.current(),
    costPressure: services.pacer.pressureFor(start.job),
    turn: services.turnOf(start),
    ...services.experiments(),
  };
}

/**
 * Whether the job may go to a model for the sake of what is learned from it. Not one that has been tried, nor one that
 * could not be tried again elsewhere, nor a row of an evaluation, which compares the models that it names.
 */
export function mayExplore({ job, attemptsMade, maxAttempts }: Start, trail: readonly AttemptSummary[]): boolean {
  if (attemptsMade > 0 || trail.length > 0 || maxAttempts === 1 || job.model !== undefined) return false;
  return job.expect === undefined || job.models === undefined;
}

/** Whose turn it is: one more with every start of a job, however often that start has to choose. */
export function createTurns(): (start: Start) => number {
  const turns = new WeakMap<Start, number>();
  let next = 0;
  return (start) => {
    const turn = turns.get(start) ?? next++;
    turns.set(start, turn);
    return turn;
  };
}
