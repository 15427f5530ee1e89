-- POST /intakes: a new applicant and case each time.
function init(args)
  settings(args)
  wrk.headers["Content-Type"] = "application/json"
end

local n = 0
function request()
  n = n + 1
  return wrk.format("POST", "/intakes", nil, string.format(
    '{"full_name":"Applicant %d","email":"applicant%d@example.org","phone":"+45 12 34 56 78","narrative":"The plan denied the treatment that my doctor prescribed. I ask for a review of that decision, number %d."}', n, n, n))
end
