-- Notes that a node lives, and counts those that were noted within the time. KEYS: the registry; ARGV: the node's id, the time in milliseconds,
-- and 1, or 0 for a node that goes.
local t = redis.call('TIME')
local now = tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
if ARGV[3] == '1' then
	redis.call('ZADD', KEYS[1], now, ARGV[1])
else
	redis.call('ZREM', KEYS[1], ARGV[1])
end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - tonumber(ARGV[2]))
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return redis.call('ZCARD', KEYS[1])
