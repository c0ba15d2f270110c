-- Acknowledges what was counted, and notes what was found and is told next: by the partition's owner alone.
-- KEYS: the owner, the stream, what is being told; ARGV: who asks, the group, how many entries, these, then pairs of an id and a finding.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
local n = tonumber(ARGV[3])
for i = 4, 3 + n do
  redis.call('XACK', KEYS[2], ARGV[2], ARGV[i])
end
for i = 4 + n, #ARGV, 2 do
  redis.call('HSET', KEYS[3], ARGV[i], ARGV[i + 1])
end
redis.call('PEXPIRE', KEYS[3], 86400000)
return 1
