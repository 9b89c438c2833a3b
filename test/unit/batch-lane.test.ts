import { describe, expect, test } from 'vitest';
import { Config } from '../../src/domain/config.ts';
import { checkLaneOfRow, laneOfOrder } from '../../src/gateway/batches/lane.ts';

function configOf(lanes: readonly string[], ofBatches?: string): Config {
  return Config.parse({
    providers: { alpha: { base_url: 'https://alpha.example/v1' } },
    models: { small: { provider: 'alpha', id: 'a/small', price: { input: 1, output: 4 } } },
    lanes: Object.fromEntries(lanes.map((lane) => [lane, {}])),
    ...(ofBatches !== undefined && { gateway: { batches: { lane: ofBatches } } }),
  });
}
const USUAL = configOf(['interactive', 'batch', 'night']);
const refused = expect.objectContaining({ status: 403, code: 'lane_not_allowed' }) as Error;

describe('the lane of requests that somebody waits for', () => {
  test('is none for a batch, wished for or not', () => {
    expect(laneOfOrder(undefined, {}, USUAL)).toBe('batch');
    expect(() => laneOfOrder('interactive', {}, USUAL)).toThrow(refused);
    expect(() => checkLaneOfRow('interactive', {}, USUAL)).toThrow(/may lie in batch, night/);
    expect(laneOfOrder('night', {}, USUAL)).toBe('night');
  });

  test('is whichever comes first where there is none of that name', () => {
    const config = configOf(['first', 'second']);
    expect(laneOfOrder(undefined, {}, config)).toBe('second');
    expect(() => checkLaneOfRow('first', {}, config)).toThrow(refused);
    expect(() => laneOfOrder(undefined, {}, configOf(['only']))).toThrow(/gateway\.batches\.lane/);
  });

  test('may be used where the operator says so: by the lanes of a key, or for all batches', () => {
    const lanes = ['interactive'];
    expect(laneOfOrder('interactive', { lanes }, USUAL)).toBe('interactive');
    expect(laneOfOrder(undefined, { lanes }, USUAL)).toBe('interactive');
    expect(laneOfOrder(undefined, {}, configOf(['only'], 'only'))).toBe('only');
  });
});

test('a key goes to its own lanes only', () => {
  expect(laneOfOrder(undefined, { lanes: ['night'] }, USUAL)).toBe('night');
  expect(() => laneOfOrder('batch', { lanes: ['night'] }, USUAL)).toThrow(refused);
  expect(() => laneOfOrder(undefined, { lanes: ['gone'] }, USUAL)).toThrow(refused);
});
