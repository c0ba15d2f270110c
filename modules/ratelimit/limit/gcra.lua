-- Charges all keys or none. KEYS: one for each zone; ARGV: for each its interval and capacity, in microseconds.
-- Returns whether all were charged, then for each key the time until it is full again and the time to wait (0: admitted).
-- A key expires a little after it is full again: Redis expires by a clock that it reads less often than this one.
-- All numbers are below 2^53, so a double holds them exactly; %.0f writes them so.
local t = redis.call('TIME')
local now = tonumber(t[1]) * 1000000 + tonumber(t[2])
local stored = redis.call('MGET', unpack(KEYS))
local tats, out, ok = {}, {1}, true
for i = 1, #KEYS do
	local interval, capacity = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
	local tat = tonumber(stored[i] or '0') or 0
	if tat < now then tat = now end
	if tat > now + capacity then tat = now + capacity end
	local over = tat + interval - now - capacity
	if over > 0 then
		ok = false
	else
		over = 0
	end
	tats[i] = tat
	out[2 * i], out[2 * i + 1] = tat - now, over
end
if not ok then
	out[1] = 0
	return out
end
for i = 1, #KEYS do
	local tat = tats[i] + tonumber(ARGV[2 * i - 1])
	redis.call('SET', KEYS[i], string.format('%.0f', tat), 'PX', string.format('%.0f', math.ceil((tat - now) / 1000) + 10))
	out[2 * i] = tat - now
end
return out
