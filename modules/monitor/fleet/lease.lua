-- Takes or keeps the lease on a partition, or gives it back.
-- KEYS[1] the owner; ARGV: who asks, for how long (ms), whether it is wanted. 2: taken, 1: kept, 0: somebody else's or nobody's.
local owner = redis.call('GET', KEYS[1])
if owner == ARGV[1] then
  if ARGV[3] == '1' then
    redis.call('PEXPIRE', KEYS[1], ARGV[2])
    return 1
  end
  redis.call('DEL', KEYS[1])
  return 0
end
if not owner and ARGV[3] == '1' then
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
  return 2
end
return 0
