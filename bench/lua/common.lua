-- What every script here needs: threads with numbers, and the result as one line of JSON for bench/load.py.

-- Each of wrk's threads has a Lua of its own, which must not draw what the others draw.
local threads = 0
function setup(thread)
  thread:set("number", threads)
  threads = threads + 1
end

-- Times are in microseconds.
function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    'RESULT {"requests": %d, "microseconds": %d, "p50": %d, "p99": %d, "longest": %d,'
      .. ' "errors": {"connect": %d, "read": %d, "write": %d, "timeout": %d, "status": %d}}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), latency.max,
    errors.connect, errors.read, errors.write, errors.timeout, errors.status))
end

-- The lines of a file.
function lines(file)
  local all = {}
  for line in io.lines(file) do
    all[#all + 1] = line
  end
  return all
end
