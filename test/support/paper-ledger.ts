/** The books as a person would keep them on paper: what the ledger's scripts are held against. Amounts in nano-dollars. */
export class PaperLedger {
  readonly limit: number;
  /** By attempt: what is held for it, in which window, whether it went out, and until when somebody may be working on it. */
  readonly held = new Map<string, { amount: number; window: string; isSent: boolean; expiresAt: number }>();
  readonly charged = new Map<string, { amount: number; window: string; isFinal: boolean }>();
  /** By job: the attempt that is open. */
  readonly open = new Map<string, string>();
  readonly ended = new Set<string>();

  constructor(limit: number) {
    this.limit = limit;
  }

  sums(window: string): { heldNanos: number; spentNanos: number } {
    const sum = (entries: Iterable<{ amount: number; window: string }>): number =>
      [...entries].reduce((total, entry) => total + (entry.window === window ? entry.amount : 0), 0);
    return { heldNanos: sum(this.held.values()), spentNanos: sum(this.charged.values()) };
  }

  admit(job: string, attempt: string, each: { hold: number; window: string; expiresAt: number }): string {
    const open = this.open.get(job);
    if (open === attempt) return 'admitted';
    if (open !== undefined && startOf(open) > startOf(attempt)) return 'superseded';
    this.writeOff(job);
    if (this.ended.has(job)) return 'done';
    const { heldNanos, spentNanos } = this.sums(each.window);
    if (heldNanos + spentNanos + each.hold > this.limit) return 'denied';
    this.held.set(attempt, { ...each, amount: each.hold, isSent: false });
    this.open.set(job, attempt);
    return 'admitted';
  }

  markSent(job: string, attempt: string): boolean {
    const held = this.held.get(attempt);
    if (this.open.get(job) !== attempt || held === undefined) return false;
    this.held.set(attempt, { ...held, isSent: true });
    return true;
  }

  history(job: string, attempt: string): void {
    const open = this.open.get(job);
    if (open !== undefined && startOf(open) < startOf(attempt)) this.writeOff(job);
  }

  reap(now: number): number {
    const late = [...this.open].filter(([, attempt]) => (this.held.get(attempt)?.expiresAt ?? 0) <= now);
    for (const [job] of late) this.writeOff(job);
    return late.length;
  }

  settle(job: string, attempt: string, cost: number, ends: boolean): void {
    const held = this.open.get(job) === attempt ? this.close(job) : undefined;
    const charged = this.charged.get(attempt);
    if (held) this.charged.set(attempt, { amount: cost, window: held.window, isFinal: true });
    else if (charged?.isFinal === false) this.charged.set(attempt, { ...charged, amount: cost, isFinal: true });
    if (ends) this.ended.add(job);
  }

  giveBack(job: string, attempt: string): void {
    if (this.open.get(job) === attempt) this.close(job);
  }

  private writeOff(job: string): void {
    const attempt = this.open.get(job) ?? '';
    const held = this.close(job);
    if (held?.isSent) this.charged.set(attempt, { amount: held.amount, window: held.window, isFinal: false });
  }

  private close(job: string): { amount: number; window: string; isSent: boolean } | undefined {
    const attempt = this.open.get(job) ?? '';
    const held = this.held.get(attempt);
    this.held.delete(attempt);
    this.open.delete(job);
    return held;
  }
}

function startOf(attempt: string): number {
  return Number(attempt.split(':')[1]);
}
