/** Calls under way by alias, of all workers: one's own to the call, those of others as they last told. */
export type CallsUnderWay = {
  /** From now on there is one for the holder, on this model; in place of the one before. */
  begin(holder: object, alias: string): void;
  end(holder: object): void;
  /** Of all workers. It is the same map for ever, and changes with every call. */
  current(): ReadonlyMap<string, number>;
  own(): ReadonlyMap<string, number>;
  /** In place of what was known of others. */
  setOthers(others: ReadonlyMap<string, number>): void;
};

export function createCallsUnderWay(): CallsUnderWay {
  const holders = new Map<object, string>();
  const own = new Map<string, number>();
  const all = new Map<string, number>();

  function add(alias: string, more: 1 | -1): void {
    for (const calls of [own, all]) {
      const count = (calls.get(alias) ?? 0) + more;
      if (count > 0) calls.set(alias, count);
      else calls.delete(alias);
    }
  }

  function end(holder: object): void {
    const alias = holders.get(holder);
    if (alias === undefined) return;
    holders.delete(holder);
    add(alias, -1);
  }

  function begin(holder: object, alias: string): void {
    end(holder);
    holders.set(holder, alias);
    add(alias, 1);
  }

  function setOthers(others: ReadonlyMap<string, number>): void {
    all.clear();
    for (const alias of new Set([...own.keys(), ...others.keys()])) {
      all.set(alias, (own.get(alias) ?? 0) + (others.get(alias) ?? 0));
    }
  }

  return { begin, end, current: () => all, own: () => own, setOthers };
}
