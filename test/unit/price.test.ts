import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ModelPrice } from '../../src/domain/config.ts';
import { boundSteps, costOfUsage, NO_PRICE, type PriceList, priceListOf } from '../../src/domain/price.ts';
import type { TokenUsage } from '../../src/domain/usage.ts';

/** USD per million tokens: a token costs as many pico-dollars as a million of them cost micro-dollars. */
const priced = (price: ModelPrice): PriceList => priceListOf(ModelPrice.parse(price));

const FULL = priced({
  input: 2,
  output: 10,
  cached_input: 0.2,
  cache_write: 2.5,
  cache_write_1h: 4,
  reasoning: 20,
});

describe('the cost of a call', () => {
  it.each<[string, TokenUsage, number]>([
    ['input and output', { input_tokens: 1_000, output_tokens: 100 }, 3_000_000],
    ['what was cached', { input_tokens: 1_000, output_tokens: 0, cached_input_tokens: 400 }, 1_280_000],
    ['what was written to a cache', { input_tokens: 1_000, output_tokens: 0, cache_write_tokens: 400 }, 2_200_000],
    ['for an hour', { input_tokens: 1_000, output_tokens: 0, cache_write_1h_tokens: 400 }, 2_800_000],
    ['what was thought', { input_tokens: 0, output_tokens: 100, reasoning_tokens: 40 }, 1_400_000],
    [
      'all at once',
      {
        input_tokens: 1_000,
        output_tokens: 100,
        cached_input_tokens: 100,
        cache_write_tokens: 200,
        cache_write_1h_tokens: 300,
        reasoning_tokens: 10,
      },
      400 * 2_000 + 100 * 200 + 200 * 2_500 + 300 * 4_000 + 90 * 10_000 + 10 * 20_000,
    ],
    ['nothing', { input_tokens: 0, output_tokens: 0 }, 0],
    ['parts that are more than the whole', { input_tokens: 10, output_tokens: 0, cached_input_tokens: 99 }, 2_000],
  ])('%s', (_, usage, nanos) => {
    expect(costOfUsage(FULL, usage)).toBe(nanos);
  });

  it('is that of input and output where the list tells nothing apart', () => {
    const plain = priced({ input: 2, output: 10 });
    const usage = { input_tokens: 1_000, output_tokens: 100 };
    const parts = {
      cached_input_tokens: 100,
      cache_write_tokens: 200,
      cache_write_1h_tokens: 300,
      reasoning_tokens: 10,
    };
    expect(costOfUsage(plain, { ...usage, ...parts })).toBe(costOfUsage(plain, usage));
    const anHour = { input_tokens: 10, output_tokens: 0, cache_write_1h_tokens: 10 };
    expect(costOfUsage(priced({ input: 1, output: 1, cache_write: 3 }), anHour)).toBe(30_000);
  });

  it('is rounded up once', () => {
    const usage = { input_tokens: 1, output_tokens: 1, cached_input_tokens: 1 };
    expect(costOfUsage(priced({ input: 0, output: 0.0375, cached_input: 0.0375 }), usage)).toBe(75);
    expect(costOfUsage(priced({ input: 0, output: 0.0005 }), usage)).toBe(1);
  });

  it('is 0 by a list that nobody knows', () => {
    expect(costOfUsage(NO_PRICE, { input_tokens: 9_999, output_tokens: 99 })).toBe(0);
  });
});

describe('long prompts', () => {
  const list = priced({
    input: 1,
    output: 4,
    cached_input: 0.1,
    long_context: [
      { above: 200, input: 3, output: 9 },
      { above: 100, input: 2 },
    ],
  });

  it.each([
    [100, 100 * 1_000 + 10 * 4_000],
    [101, 101 * 2_000 + 10 * 4_000],
    [200, 200 * 2_000 + 10 * 4_000],
    [201, 201 * 3_000 + 10 * 9_000],
  ])('of %i tokens are charged at their rates, all of the call', (input, nanos) => {
    expect(costOfUsage(list, { input_tokens: input, output_tokens: 10 })).toBe(nanos);
  });

  it('keep the rates that are not named', () => {
    expect(costOfUsage(list, { input_tokens: 201, output_tokens: 0, cached_input_tokens: 201 })).toBe(201 * 100);
  });
});

describe('service tiers', () => {
  const list = priced({
    input: 2,
    output: 10,
    long_context: [{ above: 100, input: 4, output: 15 }],
    service_tiers: { flex: { input: 1, output: 5 }, priority: { input: 4, output: 20, cached_input: 1 } },
  });
  const usage = { input_tokens: 100, output_tokens: 10 };

  it('are charged as they served', () => {
    expect(costOfUsage(list, { ...usage, service_tier: 'flex' })).toBe(150_000);
    expect(costOfUsage(list, { ...usage, service_tier: 'priority' })).toBe(600_000);
    expect(costOfUsage(list, { ...usage, service_tier: 'priority', cached_input_tokens: 100 })).toBe(300_000);
  });

  it.each(['default', 'scale', 'constructor', '__proto__', ''])(
    '%j, that no list names, is the ordinary one',
    (tier) => {
      expect(costOfUsage(list, { ...usage, service_tier: tier })).toBe(costOfUsage(list, usage));
    },
  );

  it('take the surcharge for long prompts in proportion', () => {
    const long = { input_tokens: 101, output_tokens: 10 };
    expect(costOfUsage(list, long)).toBe(101 * 4_000 + 10 * 15_000);
    expect(costOfUsage(list, { ...long, service_tier: 'flex' })).toBe(101 * 2_000 + 10 * 7_500);
  });
});

const usd = fc.oneof(fc.constantFrom(0, 0.0375, 0.15, 2.5), fc.double({ min: 0, max: 200, noNaN: true }));
const rates = { cached_input: usd, cache_write: usd, cache_write_1h: usd, reasoning: usd };
const partial = fc.record({ input: usd, output: usd, ...rates }, { requiredKeys: [] });
const price = fc
  .record(
    {
      input: usd,
      output: usd,
      ...rates,
      long_context: fc.array(
        fc.tuple(fc.integer({ min: 1, max: 300_000 }), partial).map(([above, others]) => ({ above, ...others })),
        { minLength: 1, maxLength: 3 },
      ),
      service_tiers: fc.record({ flex: partial, priority: partial, batch: partial }, { requiredKeys: [] }),
    },
    { requiredKeys: ['input', 'output'] },
  )
  .map((each) => priced(each));
const tokens = fc.nat(400_000);
const tier = fc.constantFrom(undefined, 'default', 'flex', 'priority', 'batch');

/** Any usage, its parts within their sums or not. */
const usage = fc
  .record(
    {
      input_tokens: tokens,
      output_tokens: tokens,
      cached_input_tokens: tokens,
      cache_write_tokens: tokens,
      cache_write_1h_tokens: tokens,
      reasoning_tokens: tokens,
    },
    { requiredKeys: ['input_tokens', 'output_tokens'] },
  )
  .chain((each) => tier.map((name): TokenUsage => (name === undefined ? each : { ...each, service_tier: name })));

describe('what always holds', () => {
  it('a cost is a whole number of nano-dollars, and never below 0', () => {
    fc.assert(
      fc.property(price, usage, (list, used) => {
        const cost = costOfUsage(list, used);
        expect(Number.isSafeInteger(cost)).toBe(true);
        expect(cost).toBeGreaterThanOrEqual(0);
      }),
    );
  });

  it('without steps for long prompts a token more never costs less, of whichever kind it is', () => {
    const kinds = fc.constantFrom(
      'cached_input_tokens',
      'cache_write_tokens',
      'cache_write_1h_tokens',
      'reasoning_tokens',
      undefined,
    );
    const within = fc.record({
      input_tokens: tokens,
      output_tokens: tokens,
      service_tier: fc.constantFrom('flex', 'none'),
    });
    fc.assert(
      fc.property(price, within, kinds, fc.nat(1_000), (list, used, kind, more) => {
        const { longContext: _longContext, ...flat } = list;
        const before = { ...used, ...(kind === undefined ? {} : { [kind]: 0 }) };
        const grown = {
          ...used,
          input_tokens: used.input_tokens + more,
          output_tokens: used.output_tokens + more,
          ...(kind === undefined ? {} : { [kind]: more }),
        };
        expect(costOfUsage(flat, grown)).toBeGreaterThanOrEqual(costOfUsage(flat, before));
      }),
    );
  });

  it('two calls cost what one with all their tokens does, and at most a nano-dollar more', () => {
    const part = fc.record({ input_tokens: tokens, output_tokens: tokens, cached_input_tokens: fc.constant(0) });
    fc.assert(
      fc.property(price, part, part, (list, one, other) => {
        const { longContext: _longContext, ...flat } = list;
        const apart = costOfUsage(flat, one) + costOfUsage(flat, other);
        const together = costOfUsage(flat, {
          input_tokens: one.input_tokens + other.input_tokens,
          output_tokens: one.output_tokens + other.output_tokens,
        });
        expect(apart - together).toBeGreaterThanOrEqual(0);
        expect(apart - together).toBeLessThanOrEqual(1);
      }),
    );
  });

  it('no call costs more than the bound of its tokens, however it is charged', () => {
    const possible = { serviceTiers: ['flex', 'priority', 'batch'], cacheWrites: true };
    fc.assert(
      fc.property(price, usage, fc.nat(100_000), fc.nat(1_000), (list, used, moreInput, moreOutput) => {
        const [ordinary, ...long] = boundSteps(list, possible);
        const step = long.findLast(({ aboveTokens }) => used.input_tokens + moreInput > aboveTokens) ?? ordinary;
        const picos =
          (used.input_tokens + moreInput) * (step?.inputPicosPerToken ?? 0) +
          (used.output_tokens + moreOutput) * (step?.outputPicosPerToken ?? 0);
        expect(costOfUsage(list, used)).toBeLessThanOrEqual(Math.ceil(picos / 1_000));
      }),
      { numRuns: 500 },
    );
  });

  it('the bound leaves out what cannot be charged', () => {
    const list = priced({
      input: 2,
      output: 10,
      cache_write: 2.5,
      service_tiers: { priority: { input: 4, output: 20 } },
    });
    const bound = (serviceTiers: string[], cacheWrites: boolean): number =>
      boundSteps(list, { serviceTiers, cacheWrites })[0]?.inputPicosPerToken ?? 0;
    expect(bound([], false)).toBe(2_000_000);
    expect(bound([], true)).toBe(2_500_000);
    expect(bound(['priority'], false)).toBe(4_000_000);
    expect(bound(['flex'], false)).toBe(2_000_000);
  });
});
