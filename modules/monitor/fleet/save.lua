-- Saves what is counted of a partition: by its owner alone.
-- KEYS: the owner, where it is saved; ARGV: who asks, what, for how long (ms).
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3])
return 1
