-- PATCH /cases/{id}: each case of this run's own stretch moves to NEEDS_INFO, in the next pass back to IN_REVIEW.
local first, count, n = 0, 0, -1
function init(args)
  local given = settings(args)
  first, count = tonumber(given.first), tonumber(given.count)
  wrk.headers["Content-Type"] = "application/json"
end

function request()
  n = n + 1
  local status = math.floor(n / count) % 2 == 0 and "NEEDS_INFO" or "IN_REVIEW"
  return wrk.format("PATCH", "/cases/" .. (first + n % count), nil, '{"status":"' .. status .. '","actor":"bench","reason":"measured"}')
end
