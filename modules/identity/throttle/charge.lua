-- Charges all keys or none. ARGV: 1 to charge, 0 to look; then for each key free tries, first and longest wait in microseconds, and 1 where a
-- wait does not hold. Stored is "<n> <last> <till> <open>", as rule.go has it, which this does the same as.
-- Returns 1, then for each key n and till as texts; or 0, which key has the longest wait, how long that is, and how many
-- of its tries are being looked at.
local t = redis.call('TIME')
local now = tonumber(t[1]) * 1000000 + tonumber(t[2])
local counts, wait, which = {}, 0, 0
local stored = redis.call('MGET', unpack(KEYS))
for i = 1, #KEYS do
	local longest, lifted = tonumber(ARGV[4 * i]), ARGV[4 * i + 1] == '1'
	local n, last, till, open = 0, now, 0, 0
	if stored[i] then
		local a, b, c, d = string.match(stored[i], '^(%d+) (%d+) (%d+) (%d+)$')
		if a then n, last, till, open = tonumber(a), tonumber(b), tonumber(c), tonumber(d) end
	end
	local gone = math.floor((now - last) / longest)
	if gone > 0 then
		n, last = math.max(0, n - gone), last + gone * longest
	end
	if n == 0 or last > now then last = now end
	if till > now + longest then till = now + longest end
	if not lifted and till - now > wait then wait, which = till - now, i end
	counts[i] = {n, last, till, open}
end
if wait > 0 and ARGV[1] == '1' then return {0, which, string.format('%.0f', wait), counts[which][4]} end
local out = {1}
for i = 1, #KEYS do
	local free, first, longest = tonumber(ARGV[4 * i - 2]), tonumber(ARGV[4 * i - 1]), tonumber(ARGV[4 * i])
	local n, last, till = counts[i][1], counts[i][2], counts[i][3]
	if ARGV[1] == '1' then
		n, till = math.min(n + 1, free + 32), 0
		if n >= free then
			local w = first
			for _ = 1, n - free do
				if w < longest then w = w * 2 end
			end
			till = now + math.min(w, longest)
		end
		local life = math.max(n * longest - (now - last), till - now) / 1000 + 1000
		redis.call('SET', KEYS[i], string.format('%.0f %.0f %.0f %.0f', n, last, till, counts[i][4] + 1), 'PX', string.format('%.0f', life))
	end
	out[2 * i], out[2 * i + 1] = string.format('%.0f', n), string.format('%.0f', till)
end
return out
