-- GET of a path drawn at random from the lines of a file: wrk -s paths.lua URL -- SEED FILE
dofile(debug.getinfo(1, "S").source:match("^@(.*/)") .. "common.lua")

local requests

function init(args)
  math.randomseed(tonumber(args[1]) + number)
  requests = lines(args[2])
  for n, path in ipairs(requests) do
    requests[n] = wrk.format("GET", path)
  end
end

function request()
  return requests[math.random(#requests)]
end
