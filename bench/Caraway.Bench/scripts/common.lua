-- Prints what a run measured as one line of JSON; latencies in microseconds.
function done(summary, latency, requests)
  io.write(string.format(
    'RESULT {"requests":%d,"duration_us":%d,"p50_us":%d,"p99_us":%d,"bad_statuses":%d,"broken":%d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), summary.errors.status,
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout))
end

-- Arguments of the form name=value, and a header of the form Name: value.
function settings(args)
  local found = {}
  for _, arg in ipairs(args) do
    local name, value = arg:match("^([a-z_]+)=(.*)$")
    if name then found[name] = value end
  end
  if found.header then
    local name, value = found.header:match("^([^:]+): (.*)$")
    wrk.headers[name] = value
  end
  return found
end
