-- Adds what one gateway noted to the scores of all, and returns what has changed since it asked last.
--
-- KEYS: a hash of scores ("score at people solved" by who), a sorted set of who changed, by a rank that only rises and is about
--       the time in microseconds, and the number of the gateway's last batch.
-- ARGV: half-life (us), how long scores are kept (us), the most of them, the rank read last, the most to read, the batch's number,
--       and six for each score: who, points to add, people, factor and cap ('' for none) that come before, 1 where a puzzle was solved.
-- Returns: the time (us), the rank read now, how many more there are, then who and what, first for those of the batch.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local half, keep, most = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local since, limit, batch = ARGV[4], tonumber(ARGV[5]), ARGV[6]

local last = redis.call('ZREVRANGE', KEYS[2], 0, 0, 'WITHSCORES')
local rank = now
if last[2] and tonumber(last[2]) >= rank then rank = tonumber(last[2]) + 1 end

local function whole(n) return string.format('%.0f', n) end

-- A batch that came before, but whose answer was lost, is not added again.
local again = redis.call('GET', KEYS[3]) == batch
local found = {}
for i = 7, #ARGV, 6 do
	local who = ARGV[i]
	local score, people, solved = 0, 0, 0
	local value = redis.call('HGET', KEYS[1], who)
	if value then
		local s, at, p, d = string.match(value, '^(%S+) (%S+) (%S+) (%S+)$')
		if s then -- else another version's, in whose place a new one begins
			local age = math.max(now - (tonumber(at) or 0), 0)
			score, solved = (tonumber(s) or 0) * 2 ^ (-age / half), tonumber(d) or 0
			if age < 3600000000 then people = tonumber(p) or 0 end
			if not (score >= 0 and score <= 1e12) then score = 0 end
		end
	end
	if not again then
		if ARGV[i + 3] ~= '' then score = math.min(score * ARGV[i + 3], tonumber(ARGV[i + 4])) end
		score = score + ARGV[i + 1]
		people = math.max(people, tonumber(ARGV[i + 2]))
		if ARGV[i + 5] == '1' then solved = now end
		value = string.format('%.9g %s %s %s', score, whole(now), whole(people), whole(solved))
		redis.call('HSET', KEYS[1], who, value)
		redis.call('ZADD', KEYS[2], whole(rank), who)
		rank = rank + 1
	end
	if value then
		found[#found + 1] = who
		found[#found + 1] = value
	end
end

if #ARGV > 6 and not again then
	redis.call('SET', KEYS[3], batch, 'PX', 600000)
	local old = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', whole(now - keep), 'LIMIT', 0, 200)
	local over = redis.call('ZCARD', KEYS[2]) - #old - most
	for _, who in ipairs(old) do
		redis.call('HDEL', KEYS[1], who)
		redis.call('ZREM', KEYS[2], who)
	end
	if over > 0 then -- those that were not heard of for longest
		local popped = redis.call('ZPOPMIN', KEYS[2], over)
		for i = 1, #popped, 2 do redis.call('HDEL', KEYS[1], popped[i]) end
	end
	redis.call('PEXPIRE', KEYS[1], whole(keep / 500))
	redis.call('PEXPIRE', KEYS[2], whole(keep / 500))
end

local changed = redis.call('ZRANGEBYSCORE', KEYS[2], '(' .. since, '+inf', 'WITHSCORES', 'LIMIT', 0, limit)
for i = 1, #changed, 2 do
	local value = redis.call('HGET', KEYS[1], changed[i])
	if value then
		found[#found + 1] = changed[i]
		found[#found + 1] = value
	end
	since = changed[i + 1]
end
local answer = { whole(now), since, #changed / 2 == limit and '1' or '0' }
for _, v in ipairs(found) do answer[#answer + 1] = v end
return answer
