/** Lua, part of the ledger's scripts: gates that let no calls pass are told to those who choose models; see `closed.ts`. */
export const ANNOUNCEMENTS = `
local function announce(gate, until_ms, since, reason, code)
  local entry = string.format('%.0f:%.0f:%s:%s', until_ms, since, reason, code or '')
  redis.call('HSET', prefix .. ':gates:closed', gate.name, entry)
end

local function withdraw(gate)
  redis.call('HDEL', prefix .. ':gates:closed', gate.name)
end
`;
