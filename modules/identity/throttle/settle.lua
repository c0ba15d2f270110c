-- Ends tries. ARGV: for each key "clear" (it was right, forget all), "wrong" (its count stands), or the till that its charge has set (take the
-- charge back).
for i = 1, #KEYS do
	local stored = redis.call('GET', KEYS[i])
	local n, last, till, open = string.match(stored or '', '^(%d+) (%d+) (%d+) (%d+)$')
	if n then
		n, open = tonumber(n), math.max(0, tonumber(open) - 1)
		if ARGV[i] ~= 'wrong' then
			n = n - 1
			if till == ARGV[i] then till = '0' end
		end
		if ARGV[i] == 'clear' or n <= 0 then
			redis.call('DEL', KEYS[i])
		else
			redis.call('SET', KEYS[i], string.format('%.0f', n) .. ' ' .. last .. ' ' .. till .. ' ' .. string.format('%.0f', open), 'PX', math.max(1, redis.call('PTTL', KEYS[i])))
		end
	end
end
return 1
