import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fitEffects, type SeenCell } from '../../src/router/evidence/effects.ts';
import { seededRandom } from './router-fixture.ts';

/** `n` scores of which so many are 1 and the others 0. */
const seen = (n: number, right: number): SeenCell => ({ n, sum: right, squares: right });
const NOTHING = seen(0, 0);

function meanAt(table: readonly (readonly SeenCell[])[], task: number, model: number): number {
  return fitEffects(table).mean[task]?.[model] ?? Number.NaN;
}

describe('scores of models at tasks', () => {
  it('leave alone what is well known', () => {
    const table = [
      [seen(10_000, 9_000), seen(10_000, 2_000), seen(10_000, 6_000)],
      [seen(10_000, 1_000), seen(10_000, 8_000), seen(10_000, 5_000)],
    ];
    expect(meanAt(table, 0, 0)).toBeCloseTo(0.9, 2);
    expect(meanAt(table, 1, 0)).toBeCloseTo(0.1, 2);
  });

  it('draw what is little known towards what the model and the task suggest', () => {
    // The first model is always better by 0.2, and the second task easier by 0.2.
    const table = [
      [seen(500, 300), seen(500, 200), seen(500, 210)],
      [seen(500, 400), seen(500, 300), seen(500, 290)],
      [seen(3, 0), seen(500, 250), seen(500, 250)],
    ];
    const mean = meanAt(table, 2, 0);
    expect(mean).toBeGreaterThan(0.5);
    expect(mean).toBeLessThan(0.72);
  });

  it('are the less sure the less was seen, and least at a task where nothing was', () => {
    const { sd, unseen } = fitEffects([
      [seen(500, 300), seen(20, 12), seen(400, 100)],
      [seen(500, 350), NOTHING, seen(400, 220)],
    ]);
    const [few = 0, many = 0] = [sd[0]?.[1], sd[0]?.[0]];
    expect(few).toBeGreaterThan(many);
    expect(sd[1]?.[1]).toBeGreaterThan(few);
    expect(unseen.sd[0]).toBeGreaterThan(many);
  });

  it('come out near the truth where the plain means of few scores do not', () => {
    const random = seededRandom(7);
    const [tasks, models] = [8, 20];
    const ease = Array.from({ length: tasks }, () => 0.5 + 0.2 * (random() - 0.5));
    const ability = Array.from({ length: models }, () => 0.4 * (random() - 0.5));
    const truth = ease.map((task) => ability.map((model) => task + model + 0.1 * (random() - 0.5)));
    const table = truth.map((row) =>
      row.map((share) => seen(6, Array.from({ length: 6 }, () => random() < share).filter(Boolean).length)),
    );
    const { mean } = fitEffects(table);
    const error = (estimate: (task: number, model: number) => number): number =>
      truth
        .flatMap((row, task) => row.map((share, model) => (estimate(task, model) - share) ** 2))
        .reduce((sum, square) => sum + square, 0);
    const plain = error((task, model) => (table[task]?.[model]?.sum ?? 0) / 6);
    expect(error((task, model) => mean[task]?.[model] ?? 0)).toBeLessThan(plain / 3);
  });

  it('are scores and finite whatever was seen', () => {
    const cell = fc
      .tuple(fc.double({ min: 0, max: 1e6, noNaN: true }), fc.double({ min: 0, max: 1, noNaN: true }))
      .map(([n, share]): SeenCell => seen(n, n * share));
    const tables = fc
      .tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 5 }))
      .chain(([tasks, models]) =>
        fc.array(fc.array(cell, { minLength: models, maxLength: models }), { minLength: tasks, maxLength: tasks }),
      )
      .filter((table) => table.some((row) => row.some(({ n }) => n > 0)));
    fc.assert(
      fc.property(tables, (table) => {
        const { mean, sd, unseen } = fitEffects(table);
        for (const figure of [...mean, unseen.mean].flatMap((row) => [...row])) {
          expect(figure).toBeGreaterThanOrEqual(0);
          expect(figure).toBeLessThanOrEqual(1);
        }
        for (const figure of [...sd, unseen.sd].flatMap((row) => [...row])) {
          expect(Number.isFinite(figure)).toBe(true);
          expect(figure).toBeGreaterThanOrEqual(0);
        }
      }),
    );
  });
});
