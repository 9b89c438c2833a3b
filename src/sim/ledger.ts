/**
 * The auditor: what the simulated provider was really asked, and what it would send a bill for. It does its own sums,
 * on purpose, instead of asking the code that it audits.
 */

/** USD per million tokens. */
export type ListPrice = { input: number; output: number };

/** An HTTP status, or how the call ended without one. */
export type CallStatus = number | 'reset' | 'aborted';

export type LedgerSums = {
  /** Requests whose body was read. */
  calls: number;
  /** Whole, usable answers. They are billed, and what was sent of streams that their clients broke off. */
  answered: number;
  /** Error statuses, broken answers and destroyed sockets. */
  failed: number;
  /** The client went away before its answer. What is neither answered, failed nor aborted is still running. */
  aborted: number;
  input_tokens: number;
  output_tokens: number;
  /** Integer nano-dollars (10^-9 USD). */
  cost_nanos: number;
};

export type LedgerTotals = LedgerSums & { by_status: Record<string, number>; by_model: Record<string, LedgerSums> };

export type LedgerCall = {
  /** The caller's `x-request-id`, or null. */
  request_id: string | null;
  /** When its body had been read: epoch milliseconds. */
  at: number;
  model: string;
  status: CallStatus;
  input_tokens: number;
  output_tokens: number;
  cost_nanos: number;
};

/** How a call ended; `billed` only when an answer went out, or a part of one that was broken off. */
export type Settlement = {
  status: CallStatus;
  billed?: { inputTokens: number; outputTokens: number; price: ListPrice };
};

/** Ends the call in the ledger. Only the first settlement counts. */
export type Settle = (settlement: Settlement) => void;

export type Ledger = {
  accept(requestId: string | null, model: string): Settle;
  totals(): LedgerTotals;
  /** The last ended calls, oldest first. */
  calls(): LedgerCall[];
  reset(): void;
};

/** Exact for prices of whole pico-dollars a token; rounded up once a call, as a bill is. */
export function costNanosOf(price: ListPrice, inputTokens: number, outputTokens: number): number {
  const picosPerInputToken = Math.round(price.input * 1e6);
  const picosPerOutputToken = Math.round(price.output * 1e6);
  return Math.ceil((inputTokens * picosPerInputToken + outputTokens * picosPerOutputToken) / 1000);
}

export function createLedger(keepCalls: number): Ledger {
  let totals = emptyTotals();
  let kept: LedgerCall[] = [];

  const keep = (call: LedgerCall): void => {
    kept.push(call);
    // Cut rarely and by half, so that keeping a call costs the same however many are kept.
    if (kept.length > 2 * keepCalls) kept = kept.slice(-keepCalls);
  };

  return {
    accept(requestId, model) {
      const book = totals;
      const at = Date.now();
      const ofModel = (book.by_model[model] ??= emptySums());
      book.calls += 1;
      ofModel.calls += 1;
      let open = true;
      return (settlement) => {
        if (!open) return;
        open = false;
        const call = toCall(requestId, at, model, settlement);
        book.by_status[call.status] = (book.by_status[call.status] ?? 0) + 1;
        add(book, settlement, call);
        add(ofModel, settlement, call);
        // A call that was running while the ledger was reset belongs to the old book.
        if (book === totals && keepCalls > 0) keep(call);
      };
    },
    totals: () => structuredClone(totals),
    calls: () => kept.slice(-keepCalls),
    reset() {
      totals = emptyTotals();
      kept = [];
    },
  };
}

function toCall(requestId: string | null, at: number, model: string, { status, billed }: Settlement): LedgerCall {
  const inputTokens = billed?.inputTokens ?? 0;
  const outputTokens = billed?.outputTokens ?? 0;
  return {
    request_id: requestId,
    at,
    model,
    status,
    input_tokens: inputTokens,
    output_tokens: outputTokens,
    cost_nanos: billed === undefined ? 0 : costNanosOf(billed.price, inputTokens, outputTokens),
  };
}

function add(sums: LedgerSums, { status, billed }: Settlement, call: LedgerCall): void {
  if (status === 'aborted') sums.aborted += 1;
  else if (billed !== undefined) sums.answered += 1;
  else sums.failed += 1;
  sums.input_tokens += call.input_tokens;
  sums.output_tokens += call.output_tokens;
  sums.cost_nanos += call.cost_nanos;
}

function emptySums(): LedgerSums {
  return { calls: 0, answered: 0, failed: 0, aborted: 0, input_tokens: 0, output_tokens: 0, cost_nanos: 0 };
}

function emptyTotals(): LedgerTotals {
  return { ...emptySums(), by_status: {}, by_model: {} };
}
