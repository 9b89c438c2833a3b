import { hash } from 'node:crypto';
import type { Redis } from 'ioredis';
import type { ExperimentConfig } from '../../domain/experiment-config.ts';
import type { ExperimentPart } from '../../domain/experiment-part.ts';
import { type UnitEvent, type UnitState, withEvents } from '../../domain/experiment-fold.ts';
import { Standing, newStanding, planOf } from '../../domain/experiment-standing.ts';
import { createFeedbackStream } from '../feedback-stream.ts';
import type { Keys } from '../keys.ts';
import { FIRST_ID } from '../stream-id.ts';
import { createUsageStream } from '../usage-stream.ts';
import { createEventReader } from './events.ts';
import { ADVANCE, OPEN } from './scripts.ts';

/** Few enough that Redis is not held up for long by the script that counts them. */
const PAGE = 250;

export type Tally = {
  standing: Standing;
  /** When it was first counted under this configuration, in epoch milliseconds. */
  since: number;
};

export type ExperimentTally = ReturnType<typeof createExperimentTally>;

type Place = Tally & { usage: string; feedback: string };

/**
 * Counts the outcomes of one experiment from the streams of usage and of feedback. Any process may do so, and may be killed
 * at any point: what is counted and the position up to which it is move in one step.
 */
export function createExperimentTally(
  redis: Redis,
  keys: Keys,
  name: string,
  experiment: ExperimentConfig,
  /** Who takes part; see `partsOf`. */
  part: ExperimentPart | undefined,
) {
  const plan = planOf(experiment);
  const fingerprint = fingerprintOf(experiment, part);
  const own = keys.experimentTally(name, fingerprint);
  const units = `${own}:units`;
  const usage = createUsageStream(redis, keys);
  const feedback = createFeedbackStream(redis, keys);
  const events = createEventReader(name, plan);

  async function open(how: '' | 'take'): Promise<Place | undefined> {
    const all = [keys.experiments, own, units, keys.usage, keys.feedback];
    const reply = await redis.eval(OPEN, all.length, ...all, name, fingerprint, how);
    if (reply === null) return undefined;
    const [standing, usage, feedback, since] = reply as [string | null, string, string, string];
    return {
      standing: standing === null ? newStanding(plan) : Standing.parse(JSON.parse(standing)),
      usage,
      feedback,
      since: Number(since),
    };
  }

  /** Returns false, and has changed nothing, when another process has counted meanwhile. */
  async function advance(from: Place, to: Place, states: ReadonlyMap<string, UnitState>): Promise<boolean> {
    const positions = [from.usage, from.feedback, to.usage, to.feedback];
    const written = [...states].flatMap(([unit, state]) => [unit, encodeUnit(state)]);
    const words = [name, fingerprint, ...positions, JSON.stringify(to.standing), ...written];
    return (await redis.eval(ADVANCE, 3, keys.experiments, own, units, ...words)) === 1;
  }

  /**
   * Counts what the streams have beyond the position, up to their ends, and returns how it stands then. Undefined when
   * workers count it under another configuration, unless `takesOver` says that this one holds from now on.
   */
  async function catchUp(how: { takesOver?: boolean; signal?: AbortSignal } = {}): Promise<Tally | undefined> {
    for (;;) {
      how.signal?.throwIfAborted();
      const place = await open(how.takesOver ? 'take' : '');
      if (place === undefined) return undefined;
      const calls = await usage.page({ afterId: place.usage, count: PAGE });
      const scores = plan.measure === 'score' ? await feedback.page({ afterId: place.feedback, count: PAGE }) : [];
      if (calls.length === 0 && scores.length === 0) return { standing: place.standing, since: place.since };
      const happened = [...calls.flatMap(events.ofUsage), ...scores.flatMap(events.ofFeedback)];
      const states = await readUnits(redis, units, happened);
      const next: Place = {
        ...place,
        standing: withEvents(place.standing, plan, states, happened),
        usage: calls.at(-1)?.[0] ?? place.usage,
        feedback: scores.at(-1)?.[0] ?? place.feedback,
      };
      // Refused when another process was faster: the next turn asks where it stands now.
      await advance(place, next, states);
    }
  }

  /** How far the feedback stream is counted; undefined when nothing of it counts. */
  async function feedbackPosition(): Promise<string | undefined> {
    return plan.measure === 'score' ? ((await redis.hget(own, 'feedback')) ?? FIRST_ID) : undefined;
  }

  return { plan, catchUp, feedbackPosition };
}

/** Those of these events that are known. */
async function readUnits(redis: Redis, key: string, happened: readonly UnitEvent[]): Promise<Map<string, UnitState>> {
  const ids = [...new Set(happened.map(({ unit }) => unit))];
  if (ids.length === 0) return new Map();
  const states = await redis.hmget(key, ...ids);
  return new Map(
    ids.flatMap((unit, index) => {
      const state = states[index];
      return state == null ? [] : [[unit, decodeUnit(state)] as const];
    }),
  );
}

/** What the outcomes depend on: with another value of any of it they would be those of another experiment. */
function fingerprintOf({ tasks, salt, measure, alpha, variants }: ExperimentConfig, part: ExperimentPart | undefined) {
  // As entries: the first variant is the control.
  const identity: unknown[] = [tasks?.toSorted() ?? null, salt, measure, alpha, Object.entries(variants)];
  // In a group another share moves others in and out, who have been in another experiment. Elsewhere it does not.
  if (part?.group !== undefined) identity.push([part.group, part.from, part.to]);
  return hash('sha256', JSON.stringify(identity)).slice(0, 16);
}

/** `12.5 variant`, and `= variant` for one that was counted. */
function encodeUnit({ variant, amount }: UnitState): string {
  return `${amount ?? '='} ${variant}`;
}

function decodeUnit(text: string): UnitState {
  const gap = text.indexOf(' ');
  const amount = text.slice(0, gap);
  return { variant: text.slice(gap + 1), amount: amount === '=' ? null : Number(amount) };
}
