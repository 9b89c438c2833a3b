import { describe, expect, it } from 'vitest';
import { fitEffects, type SeenCell } from '../../src/router/evidence/effects.ts';
import { exchangeRates, type Market } from '../../src/router/evidence/exchange-rate.ts';
import { seededRandom } from './router-fixture.ts';

const seen = (n: number, share: number): SeenCell => ({ n, sum: n * share, squares: n * share });

/** Models cost the same at every task. */
function marketOf(cells: SeenCell[][], costUsd: number[], caution = 1): Market {
  const effects = fitEffects(cells);
  return {
    effects,
    safe: effects.mean.map((row, task) =>
      row.map((mean, model) => mean - caution * ((effects.sd[task] as Float64Array)[model] as number)),
    ),
    costUsd: cells.map(() => Float64Array.from(costUsd)),
    shares: cells.map(() => 1 / cells.length),
  };
}

/** Who is chosen for each task at these rates. */
function choicesAt({ safe, costUsd }: Market, rates: readonly number[]): number[] {
  return safe.map((row, task) => {
    const gains = [...row].map(
      (score, model) => score - (rates[task] ?? 0) * ((costUsd[task] as Float64Array)[model] as number),
    );
    return gains.indexOf(Math.max(...gains));
  });
}

/** Who is chosen for the first task. */
function firstChoice(market: Market): number {
  const { rates, best } = exchangeRates(market, SURE);
  return rates === undefined ? best : (choicesAt(market, rates)[0] as number);
}

const SURE = { floor: 1, z: 1.28 };

function ratesOf(market: Market): number[] {
  return exchangeRates(market, { floor: 0.5, z: 1.28 }).rates ?? [];
}

describe('a floor on quality', () => {
  it('lets the cheap model have the tasks at which it is as good', () => {
    const market = marketOf(
      [
        [seen(2_000, 0.9), seen(2_000, 0.9), seen(2_000, 0.3)],
        [seen(2_000, 0.9), seen(2_000, 0.5), seen(2_000, 0.3)],
        [seen(2_000, 0.8), seen(2_000, 0.9), seen(2_000, 0.3)],
      ],
      [0.01, 0.001, 0.0001],
    );
    const { rates, best } = exchangeRates(market, SURE);
    expect(best).toBe(0);
    expect(choicesAt(market, rates ?? [])).toEqual([1, 0, 1]);
  });

  it('has no eye for what is no choice, however cheap it is', () => {
    const market = marketOf([[seen(2_000, 0.9), seen(2_000, 0.8), seen(2_000, 0.7)]], [0.01, 0.001, 0.0001]);
    expect(choicesAt(market, ratesOf(market))).toEqual([2]);
    const barred = {
      ...market,
      safe: market.safe.map((row) => row.with(2, -Infinity)),
      costUsd: market.costUsd.map((row) => row.with(2, Infinity)),
    };
    expect(choicesAt(barred, ratesOf(barred))).toEqual([1]);
    const nobody = { ...barred, safe: [Float64Array.of(-Infinity, -Infinity, -Infinity)] };
    const free = { ...nobody, costUsd: [Float64Array.of(Infinity, Infinity, Infinity)] };
    expect(ratesOf(free)).toHaveLength(1);
  });

  it('pays with what one task gains for what another loses, but not more', () => {
    const market = marketOf(
      [
        [seen(5_000, 0.7), seen(5_000, 0.9)],
        [seen(5_000, 0.9), seen(5_000, 0.8)],
      ],
      [0.01, 0.001],
    );
    expect(choicesAt(market, exchangeRates(market, SURE).rates ?? [])).toEqual([1, 1]);
    const dearer = marketOf(
      [
        [seen(5_000, 0.7), seen(5_000, 0.75)],
        [seen(5_000, 0.9), seen(5_000, 0.8)],
      ],
      [0.01, 0.001],
    );
    expect(choicesAt(dearer, exchangeRates(dearer, SURE).rates ?? [])).toEqual([1, 0]);
  });

  it('trusts a few good scores of a cheap model less than many', () => {
    const known = [seen(1_000, 0.85), seen(1_000, 0.6), seen(1_000, 0.5)];
    const few = marketOf([[...known, seen(10, 0.9)]], [0.01, 0.005, 0.005, 0.001]);
    const many = marketOf([[...known, seen(1_000, 0.9)]], [0.01, 0.005, 0.005, 0.001]);
    expect(firstChoice(few)).toBe(0);
    expect(firstChoice(many)).toBe(3);
  });

  it('is kept by far the most of the time, on tables drawn by chance', () => {
    const random = seededRandom(3);
    let broken = 0;
    const trials = 200;
    for (let trial = 0; trial < trials; trial += 1) {
      const ability = [0.8, 0.75, 0.7, 0.6, 0.5];
      const truth = Array.from({ length: 6 }, () => ability.map((base) => base + 0.2 * (random() - 0.5)));
      const cells = truth.map((row) =>
        row.map((share) => seen(60, Array.from({ length: 60 }, () => random() < share).filter(Boolean).length / 60)),
      );
      const market = marketOf(cells, [0.01, 0.005, 0.002, 0.001, 0.0005]);
      const { rates, best } = exchangeRates(market, SURE);
      const chosen = rates === undefined ? truth.map(() => best) : choicesAt(market, rates);
      const scoreOf = (models: number[]): number =>
        models.reduce((sum, model, task) => sum + (truth[task]?.[model] as number), 0) / truth.length;
      const bestSingle = Math.max(...ability.map((_, model) => scoreOf(truth.map(() => model))));
      if (scoreOf(chosen) < bestSingle - 0.01) broken += 1;
    }
    // At a confidence of 0.9, with a point of grace for which table was drawn.
    expect(broken / trials).toBeLessThan(0.12);
  });
});
