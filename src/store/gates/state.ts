/**
 * Lua, part of the ledger's scripts: the state of gates. Each is a hash `<prefix>:gate:<name>`, read once in a call
 * however many jobs pass it, changed in memory, and written once at the end. Times are epoch milliseconds of Redis' own
 * clock (`now`, of `ledger/clock.ts`). A gate that nobody uses is forgotten after a day.
 *
 * - every gate: `renewed` (when its life was last prolonged).
 * - a key, a pair (key and model), a caller: `inflight`; see `calls.ts` and `buckets.ts`.
 * - a circuit, a key: whether it is stopped; see `stops.ts`.
 * - a pair: whether it is paused; see `pauses.ts`.
 *
 * `<prefix>:gates` is a sorted set of all gates but those of callers, of whom there may be any number, by when they were
 * last renewed; `<prefix>:gates:closed` a hash of those that let no calls pass: name -> `until:since:reason:code`. Readers
 * of it decide nothing: the gates themselves do.
 */
export const GATE_STATE = `
local HOUR, DAY = 3600000, 86400000

local gates = {}

local function gate_of(name)
  local gate = gates[name]
  if gate then return gate end
  local state = {}
  local fields = redis.call('HGETALL', prefix .. ':gate:' .. name)
  for i = 1, #fields, 2 do state[fields[i]] = tonumber(fields[i + 1]) or fields[i + 1] end
  gate = { name = name, state = state, changed = {} }
  gates[name] = gate
  return gate
end

local function caller_gate_of(name)
  local gate = gate_of(name)
  gate.is_of_caller = true
  return gate
end

local function set(gate, field, value)
  if gate.state[field] == value then return end
  gate.state[field] = value
  gate.changed[field] = true
end

-- One that is stopped for weeks must be remembered for as long.
local function renew(gate)
  local index = prefix .. ':gates'
  redis.call('PEXPIRE', prefix .. ':gate:' .. gate.name, math.max(0, (gate.state.retry_at or 0) - now()) + DAY)
  if gate.is_of_caller then return end
  redis.call('ZADD', index, now(), gate.name)
  redis.call('ZREMRANGEBYSCORE', index, '-inf', now() - 34 * DAY)
end

function write_gates()
  for name, gate in pairs(gates) do
    if next(gate.changed) then
      local is_old = now() - (gate.state.renewed or 0) > HOUR
      if is_old then set(gate, 'renewed', now()) end
      local key, written = prefix .. ':gate:' .. name, {}
      for field in pairs(gate.changed) do
        local value = gate.state[field]
        if value == nil then
          redis.call('HDEL', key, field)
        else
          written[#written + 1] = field
          written[#written + 1] = value
        end
      end
      if #written > 0 then redis.call('HSET', key, unpack(written)) end
      if is_old then renew(gate) end
    end
  end
end
`;
