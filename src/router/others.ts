import { type Basis, type Candidate, candidateAt } from './candidates.ts';
import { type DropCount, dropCountsIn, type Dropped, dropsIn, type DropReason } from './rules.ts';

/**
 * The models outside the chain, listed when somebody asks. A class for the sake of its getters: those of an object literal
 * give every object a shape of its own, which is long-lived and holds on to all that the getters know. Collecting that
 * garbage stops a worker for tens of milliseconds.
 */
export class Others {
  readonly #basis: Basis;
  readonly #eligible: readonly number[];
  readonly #chain: readonly Candidate[];
  #alsoEligible: readonly Candidate[] | undefined;
  #dropped: readonly Dropped[] | undefined;

  constructor(basis: Basis, eligible: readonly number[], chain: readonly Candidate[]) {
    this.#basis = basis;
    this.#eligible = eligible;
    this.#chain = chain;
  }

  get alsoEligible(): readonly Candidate[] {
    return (this.#alsoEligible ??= this.#afterChain());
  }

  get dropped(): readonly Dropped[] {
    return (this.#dropped ??= dropsIn(this.#basis));
  }

  get dropCounts(): ReadonlyMap<DropReason, DropCount> {
    return dropCountsIn(this.#basis, this.#eligible);
  }

  #afterChain(): Candidate[] {
    const inChain = new Set(this.#chain.map(({ model }) => model));
    return this.#eligible.map((row) => candidateAt(this.#basis, row)).filter(({ model }) => !inChain.has(model));
  }

  /** Getters are no part of an object's JSON by themselves. */
  toJSON(): object {
    return Object.assign({}, this, { alsoEligible: this.alsoEligible, dropped: this.dropped });
  }
}
