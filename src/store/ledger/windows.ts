/**
 * Lua, part of the ledger's scripts: the windows of budgets, in UTC by Redis' own clock: whatever time a worker believes
 * it is, its calls are booked where those of all others are. The ids are those of `windowId` in `domain/budget.ts`.
 *
 * Days and dates are converted by Howard Hinnant's algorithms: http://howardhinnant.github.io/date_algorithms.html
 */
export const WINDOWS = `
local windows = lazy(function()

local HOUR_MS, DAY_MS = 3600000, 86400000

-- Days since 1970-01-01 as year, month, day.
local function date_of(days)
  local shifted = days + 719468
  local era = math.floor(shifted / 146097)
  local day_of_era = shifted - era * 146097
  local year_of_era = math.floor(
    (day_of_era - math.floor(day_of_era / 1460) + math.floor(day_of_era / 36524) - math.floor(day_of_era / 146096)) / 365
  )
  local day_of_year = day_of_era - (365 * year_of_era + math.floor(year_of_era / 4) - math.floor(year_of_era / 100))
  local shifted_month = math.floor((5 * day_of_year + 2) / 153)
  local month = shifted_month < 10 and shifted_month + 3 or shifted_month - 9
  local year = year_of_era + era * 400 + (month <= 2 and 1 or 0)
  return year, month, day_of_year - math.floor((153 * shifted_month + 2) / 5) + 1
end

local function days_of(year, month)
  if month <= 2 then year = year - 1 end
  local era = math.floor(year / 400)
  local year_of_era = year - era * 400
  local day_of_year = math.floor((153 * (month > 2 and month - 3 or month + 9) + 2) / 5)
  return era * 146097 + year_of_era * 365 + math.floor(year_of_era / 4) - math.floor(year_of_era / 100) + day_of_year - 719468
end

local function text_of(days)
  return string.format('%04d-%02d-%02d', date_of(days))
end

-- By kind: the window's id, when it ends (ms, nil for never), and for how long its purses are remembered after that.
local make_window = {
  hour = function(time, days)
    local hour = math.floor((time - days * DAY_MS) / HOUR_MS)
    return { id = text_of(days) .. string.format('T%02d', hour), ends = days * DAY_MS + (hour + 1) * HOUR_MS, keep = 2 }
  end,
  day = function(_, days) return { id = text_of(days), ends = (days + 1) * DAY_MS, keep = 35 } end,
  week = function(_, days)
    local monday = math.floor((days + 3) / 7) * 7 - 3
    return { id = text_of(monday), ends = (monday + 7) * DAY_MS, keep = 70 }
  end,
  month = function(_, days)
    local year, month = date_of(days)
    local next_year, next_month = month == 12 and year + 1 or year, month % 12 + 1
    return { id = string.format('%04d-%02d', year, month), ends = days_of(next_year, next_month) * DAY_MS, keep = 400 }
  end,
}

local made = {}

local function of(kind)
  if not made[kind] then made[kind] = make_window[kind](now(), math.floor(now() / DAY_MS)) end
  return made[kind]
end

return { of = of }
end)
`;
