-- GET /cases/{id}: an old case with its applicant, moves and notes, another one each time.
local cases, n = 0, 0
function init(args) cases = tonumber(settings(args).cases) end

function request()
  n = n + 7919
  return wrk.format("GET", "/cases/" .. (n % cases + 1))
end
