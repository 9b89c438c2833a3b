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
 * Deployments of one model that cost the same keep the places that they have between them, and share them out by how they
 * are loaded: the one that is drawn first is asked first. One that is dearer is another choice, and stays where it is.
 */
export function balanceDeployments(
  chain: readonly RankedCandidate[],
  balance: Balance,
  knowledge: Load,
): RankedCandidate[] {
  const groups = Map.groupBy(chain, groupOf);
  const queues = new Map(
    [...groups].map(([group, members]) => [
      group,
      members.length > 1 ? ORDERS[balance](members, knowledge) : [...members],
    ]),
  );
  return chain.map((candidate) => queues.get(groupOf(candidate))?.shift() ?? candidate);
}

function groupOf({ model, predicted }: RankedCandidate): string {
  return `${predicted.costNanos} ${model.family}`;
}

type Load = Pick<Knowledge, 'random' | 'inFlight'>;
type Order = (members: readonly RankedCandidate[], load: Load) => RankedCandidate[];

const ORDERS: Record<Balance, Order> = {
  /** As in `weightedUtility`. */
  weighted: (members, { random }) =>
    byLeast(members, ({ model }) => (model.weight > 0 ? -Math.log(1 - random()) / model.weight : Infinity)),

  // Those that are equally busy in an order of chance, or all workers would ask the same one at once.
  'least-busy': (members, { random, inFlight }) =>
    byLeast(shuffled(members, random), (member) => loadOf(member, inFlight)),

  /**
   * Power of two choices (Mitzenmacher, 2001), by latency times load: close to the best, without everybody asking the best.
   * Of two deployments both are always drawn; it is the load that keeps the quicker one from having all calls.
   */
  latency: (members, { random, inFlight }) => {
    const wait = (member: RankedCandidate): number => member.predicted.latencyMs * loadOf(member, inFlight);
    const [one, two, ...others] = shuffled(members, random);
    if (one === undefined || two === undefined) return [...members];
    return [...byLeast([one, two], wait), ...byLeast(others, wait)];
  },
};

/** Calls under way when this one is there too, for the deployment's weight. */
function loadOf({ model }: RankedCandidate, inFlight: Knowledge['inFlight']): number {
  return model.weight > 0 ? ((inFlight?.get(model.alias) ?? 0) + 1) / model.weight : Infinity;
}

function byLeast(members: readonly RankedCandidate[], figure: (member: RankedCandidate) => number): RankedCandidate[] {
  return members
    .map((member) => ({ member, figure: figure(member) }))
    .toSorted((left, right) => left.figure - right.figure)
    .map(({ member }) => member);
}

function shuffled(members: readonly RankedCandidate[], random: () => number): RankedCandidate[] {
  return byLeast(members, () => random());
}
