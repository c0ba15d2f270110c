-- Takes back what gcra.lua charged. KEYS: one for each zone; ARGV: for each its interval.
for i = 1, #KEYS do
	local tat = tonumber(redis.call('GET', KEYS[i]) or '0')
	if tat and tat > 0 then
		redis.call('SET', KEYS[i], string.format('%.0f', tat - tonumber(ARGV[i])), 'KEEPTTL')
	end
end
return 1
