import type { Balance } from '../domain/routing-config.ts';
import type { RankedCandidate } from './candidates.ts';
import type { Knowledge } from './predict.ts';

/**
 * After the first candidate the best one of another provider: what keeps a model from answering often keeps its provider
 * from it. `burnt` are the providers at which the job has failed already; they come later for the first place, too.
 */
export function preferOtherProviders(chain: readonly RankedCandidate[], burnt: ReadonlySet<string>): RankedCandidate[] {
  const arranged: RankedCandidate[] = [];
  const asked = new Set(burnt);
  const waiting = [...chain];
  // Two places: whoever gets further than that has tried what its providers can do.
  while (arranged.length < 2 && waiting.length > 0) {
    const other = waiting.findIndex(({ model }) => !asked.has(model.provider));
    const [next] = waiting.splice(Math.max(0, other), 1);
    if (next === undefined) break;
    arranged.push(next);
    asked.add(next.model.provider);
  }
  return [...arranged, ...waiting];
}

/**
 * Deployments of one model keep the places that they have between them, and share them out by how they are loaded: the
 * one that is drawn first is asked first.
 */
export function balanceDeployments(
  chain: readonly RankedCandidate[],
  balance: Balance,
  knowledge: Pick<Knowledge, 'random' | 'inFlight'>,
): RankedCandidate[] {
  const families = Map.groupBy(chain, ({ model }) => model.family);
  const queues = new Map(
    [...families].map(([family, members]) => [
      family,
      members.length > 1 ? ORDERS[balance](members, knowledge) : members,
    ]),
  );
  return chain.map(({ model }) => queues.get(model.family)?.shift() as RankedCandidate);
}

type Order = (
  members: readonly RankedCandidate[],
  knowledge: Pick<Knowledge, 'random' | 'inFlight'>,
) => RankedCandidate[];

const ORDERS: Record<Balance, Order> = {
  /** As in `weightedUtility`. */
  weighted: (members, { random }) =>
    byLeast(members, ({ model }) => (model.weight > 0 ? -Math.log(1 - random()) / model.weight : Infinity)),

  'least-busy': (members, { random, inFlight }) => {
    const load = (member: RankedCandidate): number => {
      const { alias, weight } = member.model;
      return weight > 0 ? ((inFlight?.get(alias) ?? 0) + 1) / weight : Infinity;
    };
    // Those that are equally busy in an order of chance, or all workers would ask the same one at once.
    return byLeast(shuffled(members, random), load);
  },

  /** Power of two choices (Mitzenmacher, 2001): close to the best, without everybody asking the best. */
  latency: (members, { random }) => {
    const [one, two, ...others] = shuffled(members, random);
    if (one === undefined || two === undefined) return [...members];
    return [
      ...byLeast([one, two], ({ predicted }) => predicted.latencyMs),
      ...byLeast(others, ({ predicted }) => predicted.latencyMs),
    ];
  },
};

function byLeast(members: readonly RankedCandidate[], figure: (member: RankedCandidate) => number): RankedCandidate[] {
  return members
    .map((member) => ({ member, figure: figure(member) }))
    .toSorted((left, right) => left.figure - right.figure)
    .map(({ member }) => member);
}

function shuffled(members: readonly RankedCandidate[], random: () => number): RankedCandidate[] {
  return byLeast(members, () => random());
}
