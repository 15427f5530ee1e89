-- GET /cases?status=&cursor=: a page from anywhere in the list.
local cases, n = 0, 0
function init(args) cases = tonumber(settings(args).cases) end

function request()
  n = n + 7919
  return wrk.format("GET", "/cases?status=IN_REVIEW&cursor=" .. (n % cases + 100))
end
