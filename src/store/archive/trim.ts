import type { Redis } from 'ioredis';
import type { Keys } from '../keys.ts';
import { FIRST_ID, STREAM_IDS, compareIds } from '../stream-id.ts';
import { createUsageStream } from '../usage-stream.ts';

/**
 * Who needs records, and from which on: consumer groups from the first one that they have not acknowledged or not read,
 * the rollups from the first one that they have not counted, the archive from the first one that is not in a file.
 * It runs when Redis is out of memory: it is what helps.
 * KEYS: the stream, the root of the rollups, the hash of the archive. ARGV: `trim` to remove what nobody needs.
 * Reply: how many were removed, the first id that is needed, and for each who needs some: kind, name, first id that it
 * needs, last id that it has read, pending, unread (-1 when Redis does not know).
 */
const TRIM = `#!lua flags=allow-oom
${STREAM_IDS}
local usage, rollups, archive = KEYS[1], KEYS[2], KEYS[3]

local function reader(kind, name, last)
  return { kind, name, after(last), last, 0, -1 }
end

local readers = {
  reader('archive', 'archive', redis.call('HGET', archive, 'written') or '${FIRST_ID}'),
  reader('rollups', 'rollups', redis.call('HGET', rollups, 'position') or '${FIRST_ID}'),
}
if redis.call('EXISTS', usage) == 1 then
  for _, reply in ipairs(redis.call('XINFO', 'GROUPS', usage)) do
    local group = {}
    for i = 1, #reply, 2 do group[reply[i]] = reply[i + 1] end
    local entry = reader('group', group['name'], group['last-delivered-id'])
    entry[6] = group['lag'] or -1
    if group['pending'] > 0 then
      entry[5] = group['pending']
      local oldest = redis.call('XPENDING', usage, group['name'])[2]
      if is_before(oldest, entry[3]) then entry[3] = oldest end
    end
    readers[#readers + 1] = entry
  end
end

local floor = readers[1][3]
for _, entry in ipairs(readers) do
  if is_before(entry[3], floor) then floor = entry[3] end
end

local removed = 0
if ARGV[1] == 'trim' then
  local last = redis.call('XREVRANGE', usage, '(' .. floor, '-', 'COUNT', 1)[1]
  if last then
    removed = redis.call('XTRIM', usage, 'MINID', '=', floor)
    redis.call('HSET', archive, 'trimmed', last[1])
    redis.call('HINCRBY', archive, 'trimmed_records', removed)
  end
end
return { removed, floor, readers }
`;

/** Somebody for whom records are kept. */
export type UsageReader = {
  kind: 'group' | 'rollups' | 'archive';
  name: string;
  /** The first id that it may still need, whether or not there is such a record. */
  needsFromId: string;
  readId: string;
  /** Delivered and not acknowledged. */
  pending: number;
  /** Not delivered yet; undefined when Redis has lost count. */
  unread: number | undefined;
};

export type TrimFloor = {
  /** Nothing from this id on may be removed. */
  id: string;
  readers: UsageReader[];
};

/** Up to where nobody needs the records of the usage stream any more. */
export async function trimFloor(redis: Redis, keys: Keys): Promise<TrimFloor> {
  return (await evaluate(redis, keys, 'look')).floor;
}

/** Removes what nobody needs: found out and done in one step, so that no reader can come in between. */
export async function trimUsage(redis: Redis, keys: Keys): Promise<{ removed: number; floor: TrimFloor }> {
  return evaluate(redis, keys, 'trim');
}

/** Those for whom archived records are kept, the one that needs the oldest first, with what they have not read. */
export async function holdersOf(redis: Redis, keys: Keys, { readers }: TrimFloor): Promise<UsageReader[]> {
  const archive = readers.find((reader) => reader.kind === 'archive');
  const [oldest] = await createUsageStream(redis, keys).page({ afterId: FIRST_ID, count: 1 });
  if (!archive || !oldest || compareIds(oldest[0], archive.readId) > 0) return [];
  const holders = readers
    .filter((reader) => compareIds(reader.needsFromId, archive.needsFromId) < 0)
    .toSorted((a, b) => compareIds(a.needsFromId, b.needsFromId));
  return Promise.all(
    holders.map(async (holder) => ({
      ...holder,
      unread: holder.unread ?? (await countAfter(redis, keys, holder.readId)),
    })),
  );
}

type Reply = [
  removed: number,
  floor: string,
  readers: [UsageReader['kind'], name: string, needs: string, read: string, pending: number, unread: number][],
];

async function evaluate(redis: Redis, keys: Keys, what: 'look' | 'trim') {
  const reply = await redis.eval(TRIM, 3, keys.usage, keys.rollups, keys.usageArchive, what);
  const [removed, id, readers] = reply as Reply;
  const toReader = ([kind, name, needsFromId, readId, pending, unread]: Reply[2][number]): UsageReader => ({
    kind,
    name,
    needsFromId,
    readId,
    pending,
    unread: unread < 0 ? undefined : unread,
  });
  return { removed, floor: { id, readers: readers.map(toReader) } };
}

async function countAfter(redis: Redis, keys: Keys, readId: string): Promise<number> {
  const stream = createUsageStream(redis, keys);
  let count = 0;
  let afterId = readId;
  for (;;) {
    const page = await stream.page({ afterId });
    const lastId = page.at(-1)?.[0];
    if (lastId === undefined) return count;
    count += page.length;
    afterId = lastId;
  }
}
