/**
 * Preloaded into a worker (`node --import`): its clock is SLUICE_CHAOS_CLOCK_MS ahead of the real one, or behind it when
 * negative; from its start, or with SLUICE_CHAOS_CLOCK_AT=signal as of a SIGUSR2. `performance.now()` and timers go on
 * as before, as they do when somebody sets a machine's clock.
 */
const shiftMs = Number(process.env['SLUICE_CHAOS_CLOCK_MS'] ?? 0);
let isShifted = process.env['SLUICE_CHAOS_CLOCK_AT'] !== 'signal';
if (!isShifted) process.once('SIGUSR2', () => (isShifted = true));

const TrueDate = Date;
const trueNow = Date.now.bind(Date);
const now = (): number => trueNow() + (isShifted ? shiftMs : 0);

TrueDate.now = now;
globalThis.Date = new Proxy(TrueDate, {
  construct: (target, given: unknown[], newTarget) =>
    Reflect.construct(target, given.length === 0 ? [now()] : given, newTarget) as Date,
  apply: () => new TrueDate(now()).toString(),
});
// Instances name their class, and `new date.constructor()` shall be shifted as well.
TrueDate.prototype.constructor = Date;
