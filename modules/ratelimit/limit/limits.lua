-- All that limits keep in Redis is read and written here, in one step for all keys of a call.
--
-- ARGV[1] is packed: the operation, then a record for each of KEYS (see wire.go). Operations:
--   T  take: charges all keys or none; a shadow key that refuses is left out and stops nothing
--   P  peek: tells what T would
--   R  refund: amount back, in the level's units, of a rate at most what has not leaked until extra, when it was to be whole again; of a quota
--      only into the period that ends at extra; a lease ends
--   D  debit: amount more, into a debt of at most one more capacity
--   N  renew: a lease lasts for its expiry from now, and is held again where it had ended
-- The answer is packed: whether all were charged, the time, then for each key its level, the time until that is 0, and the time to
-- wait (0: admitted, -1: never). Times are in microseconds.
--
-- A rate's level is the time until its burst is free again, kept as the moment of that; a quota's is the units that were used, kept
-- with the day at which its period ends; leases are a sorted set by their end.
-- Every key expires a little after its level is 0: Redis expires by a clock that it reads less often than this one.
-- All numbers are below 2^53, so a double holds them exactly; %.0f writes them so.
local slack = 10
local RATE, DAY, MONTH, HELD = 0, 1, 2, 3
local DAYLENGTH = 86400000000
local t = redis.call('TIME')
local now = tonumber(t[1]) * 1000000 + tonumber(t[2])
local today = math.floor(now / DAYLENGTH)

-- The day on which the next month begins: http://howardhinnant.github.io/date_algorithms.html, where a year begins in March.
local function monthEnd(day)
	local z = day + 719468
	local era = math.floor(z / 146097)
	local doe = z - era * 146097
	local yoe = math.floor((doe - math.floor(doe / 1460) + math.floor(doe / 36524) - math.floor(doe / 146096)) / 365)
	local doy = doe - (365 * yoe + math.floor(yoe / 4) - math.floor(yoe / 100))
	local year, month = era * 400 + yoe, math.floor((5 * doy + 2) / 153) + 1
	if month == 12 then
		year, month = year + 1, 0
	end
	era = math.floor(year / 400)
	yoe = year - era * 400
	return era * 146097 + yoe * 365 + math.floor(yoe / 4) - math.floor(yoe / 100) + math.floor((153 * month + 2) / 5) - 719468
end

local function write(key, value, left)
	redis.call('SET', key, value, 'PX', string.format('%.0f', math.ceil(left / 1000) + slack))
end

local function hold(key, lease, expiry)
	redis.call('ZADD', key, string.format('%.0f', now + expiry), lease)
	local last = tonumber(redis.call('ZRANGE', key, -1, -1, 'WITHSCORES')[2])
	redis.call('PEXPIRE', key, string.format('%.0f', math.ceil((last - now) / 1000) + slack))
end

-- see reads a key into its record.
local function see(r, stored)
	if r.kind == HELD then
		redis.call('ZREMRANGEBYSCORE', r.key, '-inf', string.format('%.0f', now))
		r.level, r.reset = redis.call('ZCARD', r.key), 0
		r.held = redis.call('ZSCORE', r.key, r.lease)
	elseif r.kind == RATE then
		local tat = tonumber(stored or '0') or 0
		r.level = math.min(math.max(tat - now, 0), 2 * r.capacity)
		r.reset = r.level
	else
		r.ends = r.kind == DAY and today + 1 or monthEnd(today)
		local e, used = string.match(stored or '', '^(%d+):(%d+)$')
		r.stored = tonumber(e or '0')
		r.level = r.stored >= r.ends and math.min(tonumber(used), 2 * r.capacity) or 0
		r.reset = r.ends * DAYLENGTH - now
	end
end

-- put writes a level that is not a lease's.
local function put(r, level)
	r.level = level
	if level == 0 then
		redis.call('DEL', r.key)
	elseif r.kind == RATE then
		r.reset = level
		write(r.key, string.format('%.0f', now + level), level)
	else
		write(r.key, string.format('%.0f:%.0f', r.ends, level), r.reset)
	end
end

-- ask gives the time to wait for the amount.
local function ask(r)
	if r.amount > r.capacity then
		return -1
	elseif r.held then
		return 0
	end
	local over = r.level + r.amount - r.capacity
	if over <= 0 then
		return 0
	elseif r.kind == RATE then
		return over
	elseif r.kind == HELD then
		return tonumber(redis.call('ZRANGE', r.key, 0, 0, 'WITHSCORES')[2]) - now
	end
	return r.reset
end

local function charge(r)
	if r.kind ~= HELD then
		put(r, r.level + r.amount)
	else
		hold(r.key, r.lease, r.extra)
		r.level = redis.call('ZCARD', r.key)
	end
end

local settle = {
	R = function(r)
		if r.kind == HELD then
			redis.call('ZREM', r.key, r.lease)
		elseif r.level > 0 and r.kind == RATE then
			put(r, math.max(r.level - math.max(math.min(r.amount, r.extra - now), 0), 0))
		elseif r.level > 0 and r.stored == r.extra then
			put(r, math.max(r.level - r.amount, 0))
		end
	end,
	D = function(r)
		if r.kind ~= HELD and r.capacity > 0 then
			put(r, math.min(r.level + r.amount, 2 * r.capacity))
		end
	end,
	N = function(r)
		if r.kind == HELD then
			hold(r.key, r.lease, r.extra)
		end
	end,
}

local op, pos = string.sub(ARGV[1], 1, 1), 2
local stored = redis.call('MGET', unpack(KEYS))
local records, ok = {}, 1
for i, key in ipairs(KEYS) do
	local r = {key = key}
	r.kind, r.shadow, r.capacity, r.amount, r.extra, r.lease, pos = struct.unpack('<BBi8i8i8c16', ARGV[1], pos)
	see(r, stored[i])
	if op == 'T' or op == 'P' then
		r.wait = ask(r)
		if r.wait ~= 0 and r.shadow == 0 then
			ok = 0
		end
	else
		settle[op](r)
		r.wait = 0
	end
	records[i] = r
end
local out = {ok, now}
for _, r in ipairs(records) do
	if op == 'T' and ok == 1 and r.wait == 0 then
		charge(r)
	end
	out[#out + 1], out[#out + 2], out[#out + 3] = r.level, r.reset, r.wait
end
return struct.pack('<' .. string.rep('i8', #out), unpack(out))
