//! The scripts that run in Redis, one for each operation that must be atomic.
//!
//! Each gets the names of the entry, the version, the keys and the ends, and the key itself. They use the entries of other
//! keys, too, which are in the same slot.

use std::sync::LazyLock;

use redis::Script;

/// What the scripts share.
///
/// A version is the server's time in microseconds, or one more than the last: so it never comes twice, even if the counter
/// is lost with all other keys. Numbers in Lua are exact up to 2^53, which is the year 2255.
const SHARED: &str = r"
local entry, counter, keys, ends = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local key, entries = ARGV[1], ARGV[2]

local clock = redis.call('TIME')
local function number(n) return string.format('%.0f', n) end
local function milliseconds() return clock[1] * 1000 + math.floor(clock[2] / 1000) end

local function next_version()
  local last = tonumber(redis.call('GET', counter) or '0')
  local version = number(math.max(clock[1] * 1000000 + clock[2], last + 1))
  redis.call('SET', counter, version)
  return version
end

-- Removes the keys of entries that have expired, at most as many.
local function sweep(most)
  local due = redis.call('ZRANGEBYSCORE', ends, '-inf', number(milliseconds()), 'LIMIT', 0, most)
  for _, old in ipairs(due) do
    local left = redis.call('PTTL', entries .. old)
    if left == -2 then
      redis.call('ZREM', keys, old)
      redis.call('ZREM', ends, old)
    elseif left == -1 then
      redis.call('ZREM', ends, old)
    else
      redis.call('ZADD', ends, number(milliseconds() + left + 1), old)
    end
  end
end

local function list_key(ttl)
  redis.call('ZADD', keys, 0, key)
  if ttl == '0' then
    redis.call('ZREM', ends, key)
  else
    redis.call('ZADD', ends, number(milliseconds() + ttl), key)
  end
  sweep(2)
end

local function store(value, ttl)
  local version = next_version()
  redis.call('HSET', entry, 'v', value, 'n', version)
  if ttl == '0' then
    redis.call('PERSIST', entry)
  else
    redis.call('PEXPIRE', entry, ttl)
  end
  list_key(ttl)
  return version
end
";

fn script(text: &str) -> Script {
    Script::new(&format!("{SHARED}{text}"))
}

/// Value, time to live. Returns the version.
pub(super) static SET: LazyLock<Script> =
    LazyLock::new(|| script("return store(ARGV[3], ARGV[4])"));

/// Returns whether there was an entry.
pub(super) static DELETE: LazyLock<Script> = LazyLock::new(|| {
    script(
        r"
local deleted = redis.call('DEL', entry)
redis.call('ZREM', keys, key)
redis.call('ZREM', ends, key)
sweep(2)
return deleted",
    )
});

/// What to add, time to live. Returns the sum as text, since Lua would round it; nothing if there is none.
pub(super) static ADD: LazyLock<Script> = LazyLock::new(|| {
    script(
        r"
local added, ttl = ARGV[3], ARGV[4]
local new = redis.call('EXISTS', entry) == 0
local sum = redis.pcall('HINCRBY', entry, 'v', added)
if type(sum) == 'table' and sum.err then
  if sum.err:find('not an integer') or sum.err:find('overflow') then return false end
  return sum
end
redis.call('HSET', entry, 'n', next_version())
if new then
  if ttl ~= '0' then redis.call('PEXPIRE', entry, ttl) end
  list_key(ttl)
end
return redis.call('HGET', entry, 'v')",
    )
});

/// Value, time to live, the version that it must have (empty: no entry). Returns the new version, or nothing.
pub(super) static COMPARE_AND_SET: LazyLock<Script> = LazyLock::new(|| {
    script(
        r"
local current = redis.call('HGET', entry, 'n') or ''
if current ~= ARGV[5] then return false end
return store(ARGV[3], ARGV[4])",
    )
});

/// Bounds, the number of keys to look at. Returns the last key if others follow, the number of entries, and their bytes.
pub(super) static USAGE: LazyLock<Script> = LazyLock::new(|| {
    script(
        r"
local listed = redis.call('ZRANGEBYLEX', keys, ARGV[3], ARGV[4], 'LIMIT', 0, ARGV[5])
local found, bytes = 0, 0
for _, listed_key in ipairs(listed) do
  if redis.call('EXISTS', entries .. listed_key) == 1 then
    found = found + 1
    bytes = bytes + #listed_key + redis.call('HSTRLEN', entries .. listed_key, 'v')
  end
end
local last = ''
if #listed == tonumber(ARGV[5]) then last = listed[#listed] end
return {last, found, bytes}",
    )
});

/// Bounds, the largest number of entries, the largest number of bytes. Returns whether entries follow, then key, value and
/// version of each. Without any entry it may be called again: it has removed keys of expired ones.
pub(super) static SCAN: LazyLock<Script> = LazyLock::new(|| {
    script(
        r"
local from, to, limit, most = ARGV[3], ARGV[4], tonumber(ARGV[5]), tonumber(ARGV[6])
local page, found, bytes = {'0'}, 0, 0
for round = 1, 100 do
  local listed = redis.call('ZRANGEBYLEX', keys, from, to, 'LIMIT', 0, limit + 1)
  for _, listed_key in ipairs(listed) do
    local stored = redis.call('HMGET', entries .. listed_key, 'v', 'n')
    if not stored[1] then
      redis.call('ZREM', keys, listed_key)
      redis.call('ZREM', ends, listed_key)
    else
      bytes = bytes + #listed_key + #stored[1]
      if found == limit or (found > 0 and bytes > most) then
        page[1] = '1'
        return page
      end
      found = found + 1
      table.insert(page, listed_key)
      table.insert(page, stored[1])
      table.insert(page, stored[2])
    end
  end
  if #listed <= limit then return page end
  -- Some have expired: others may follow.
  from = '(' .. listed[#listed]
end
page[1] = '1'
return page",
    )
});
