-- Orders of different products, one piece each, by customers drawn at random, each with a key of its own:
-- wrk -s orders.lua URL -- SEED TOKENS PRODUCTS LINES
dofile(debug.getinfo(1, "S").source:match("^@(.*/)") .. "common.lua")

local tokens, products, wanted, key
local placed = 0

function init(args)
  math.randomseed(tonumber(args[1]) + number)
  tokens, products, wanted = lines(args[2]), lines(args[3]), tonumber(args[4])
  -- As long as the UUID that a client would send.
  key = string.format("%012d-%04d-%%017d", args[1], number)
end

function request()
  local items, chosen = {}, {}
  while #items < wanted do
    local product = products[math.random(#products)]
    if not chosen[product] then
      chosen[product] = true
      items[#items + 1] = '{"product_id": "' .. product .. '", "quantity": 1}'
    end
  end
  placed = placed + 1
  return wrk.format("POST", "/api/orders/", {
    ["Host"] = wrk.headers["Host"],
    ["Authorization"] = "Bearer " .. tokens[math.random(#tokens)],
    ["Content-Type"] = "application/json",
    ["Idempotency-Key"] = key:format(placed),
  }, '{"items": [' .. table.concat(items, ", ") .. "]}")
end
