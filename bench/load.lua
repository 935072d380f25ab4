-- The requests of one operation, made beforehand: wrk is to take as little of the CPU as it can.
-- Arguments: the operation, its method, its path, its body, and a file with a user in each line: a
-- token, and the ids of tasks. Requests go from user to user, and then to everybody's next task.

local requests, position = {}, 0

local function read(path)
  local users = {}
  for line in io.lines(path) do
    local user = { ids = {} }
    for word in line:gmatch("%S+") do
      if user.token then table.insert(user.ids, word) else user.token = word end
    end
    table.insert(users, user)
  end
  return users
end

local function add(users, method, path, body)
  local tasks = path:find("{id}", 1, true) and #users[1].ids or 1
  for task = 1, tasks do
    for _, user in ipairs(users) do
      local headers = { ["Authorization"] = "Bearer " .. user.token }
      if body ~= "" then headers["Content-Type"] = "application/json" end
      local target = path:gsub("{id}", user.ids[task])
      table.insert(requests, wrk.format(method, target, headers, body ~= "" and body or nil))
    end
  end
end

function init(arguments)
  local operation, method, path, body = unpack(arguments, 1, 4)
  local users = read(arguments[5])
  add(users, method, path, body)
  if operation == "complete" then
    add(users, method, path, (body:gsub("true", "false")))
  end
end

function request()
  position = position % #requests + 1
  return requests[position]
end

function done(summary, latency)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  io.write(string.format(
    '\nresult {"requests": %d, "seconds": %f, "failed": %d, "p50_ms": %f, "p99_ms": %f}\n',
    summary.requests, summary.duration / 1e6, failed,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
