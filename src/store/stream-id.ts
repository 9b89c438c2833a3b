/** Ids of stream entries, `<milliseconds of Redis' clock>-<number>`: they only ever grow. */

/** Before every entry. */
export const FIRST_ID = '0-0';

const PATTERN = /^(\d{1,16})-(\d{1,20})$/;

export function isStreamId(text: unknown): text is string {
  return typeof text === 'string' && PATTERN.test(text);
}

/** Below 0 when `a` is the older one. */
export function compareIds(a: string, b: string): number {
  const [aMs = '0', aNumber = '0'] = a.split('-');
  const [bMs = '0', bNumber = '0'] = b.split('-');
  return Number(aMs) - Number(bMs) || Number(aNumber) - Number(bNumber);
}

export function laterId(a: string, b: string): string {
  return compareIds(a, b) < 0 ? b : a;
}

/** In epoch milliseconds. */
export function timeOfId(id: string): number {
  return Number(id.split('-')[0]);
}

/** `2026-11-22`, in UTC. */
export function dayOfId(id: string): string {
  return dayOfTime(timeOfId(id));
}

export function dayOfTime(epochMs: number): string {
  return new Date(epochMs).toISOString().slice(0, 10);
}

/** Where a day begins, in epoch milliseconds. */
export function startOfDay(day: string): number {
  return Date.parse(day);
}

export function nextDay(day: string): string {
  return dayOfTime(startOfDay(day) + DAY_MS);
}

export const DAY_MS = 86_400_000;

/** The same in scripts: `is_before(a, b)`, and `after(id)`, the least id that can follow. */
export const STREAM_IDS = `
local function parts(id)
  local ms, number = string.match(id, '^(%d+)%-(%d+)$')
  return tonumber(ms), tonumber(number)
end

local function is_before(a, b)
  local a_ms, a_number = parts(a)
  local b_ms, b_number = parts(b)
  return a_ms < b_ms or (a_ms == b_ms and a_number < b_number)
end

local function after(id)
  local ms, number = string.match(id, '^(%d+)%-(%d+)$')
  return ms .. '-' .. string.format('%.0f', tonumber(number) + 1)
end
`;
