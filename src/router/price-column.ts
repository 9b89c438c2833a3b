import type { ProviderKind } from '../domain/config.ts';
import type { ModelSpec } from '../domain/model.ts';
import { nanosOfPicos } from '../domain/money.ts';
import { boundSteps, expectedSteps, type PriceStep } from '../domain/price.ts';

/** What prompts and answers cost, by row: see `Columns`. */
export type PriceColumn = {
  /** Pico-dollars a token, for prompts of ordinary length. */
  inputPicos: Float64Array;
  outputPicos: Float64Array;
  /** How many tokens a prompt of ordinary length may have. */
  ordinaryTokens: Float64Array;
  steps: readonly (readonly PriceStep[])[];
};

/** What calls will probably cost: nothing in a cache, and served in the tier that the model's requests ask for. */
export function expectedPrices(models: readonly ModelSpec[]): PriceColumn {
  return priceColumnOf(models.map(({ price, request }) => expectedSteps(price, request.service_tier)));
}

/** What calls can cost at the most. */
export function boundPrices(
  models: readonly ModelSpec[],
  kindOf: (provider: string) => ProviderKind | undefined,
): PriceColumn {
  return priceColumnOf(
    models.map(({ price, provider, request }) =>
      boundSteps(price, {
        serviceTiers: tiersThatMayServe(request.service_tier),
        cacheWrites: !WRITE_NO_CACHES.has(kindOf(provider)),
      }),
    ),
  );
}

/** These charge for writing to their cache only where the request asks for it, which ours never do. Others do it unasked. */
const WRITE_NO_CACHES: ReadonlySet<ProviderKind | undefined> = new Set(['anthropic', 'google']);

/** Besides the ordinary one. `auto` leaves it to the settings of the key's project. */
function tiersThatMayServe(requested: ModelSpec['request']['service_tier']): readonly string[] {
  if (requested === undefined || requested === 'default') return [];
  return requested === 'auto' ? ['priority'] : [requested];
}

/** From the steps of each row, of which the first is for prompts of ordinary length. */
function priceColumnOf(steps: readonly (readonly PriceStep[])[]): PriceColumn {
  const ordinary = (figure: (step: PriceStep) => number): Float64Array =>
    Float64Array.from(steps, ([first]) => (first === undefined ? 0 : figure(first)));
  return {
    inputPicos: ordinary((step) => step.inputPicosPerToken),
    outputPicos: ordinary((step) => step.outputPicosPerToken),
    ordinaryTokens: Float64Array.from(steps, ([, second]) => second?.aboveTokens ?? Infinity),
    steps,
  };
}

/** What a prompt and an answer of so many tokens cost, in nano-dollars. */
export function nanosAt(column: PriceColumn, row: number, inputTokens: number, outputTokens: number): number {
  if (inputTokens > (column.ordinaryTokens[row] as number)) return longNanosAt(column, row, inputTokens, outputTokens);
  const { inputPicos, outputPicos } = column;
  return nanosOfPicos(inputTokens * (inputPicos[row] as number) + outputTokens * (outputPicos[row] as number));
}

function longNanosAt({ steps }: PriceColumn, row: number, inputTokens: number, outputTokens: number): number {
  const step = steps[row]?.findLast(({ aboveTokens }) => inputTokens > aboveTokens);
  if (step === undefined) return 0;
  return nanosOfPicos(inputTokens * step.inputPicosPerToken + outputTokens * step.outputPicosPerToken);
}
