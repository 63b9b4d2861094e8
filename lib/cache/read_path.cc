// Get, MultiGet, Contains, Scan, GetOrCompute: hit, or miss and load.
#include <algorithm>
#include <deque>
#include <new>
#include <utility>

#include "base/stopwatch.h"
#include "cache/guarded.h"
#include "cache/protocol.h"
#include "cache/writes.h"

namespace kvcache {
namespace {

void Assign(std::string& value, std::string_view bytes) {
  // The size that libstdc++ 12 passes can be larger than the one asked for.
  value.resize_and_overwrite(
      bytes.size(), [&](char* into, std::size_t) { return bytes.copy(into, bytes.size()); });
}

// Under an epoch guard or the shard's lock.
[[gnu::always_inline]] inline std::optional<Value> ValueOf(Entry& entry) {
  if (entry.absent()) return std::nullopt;
  entry.Ref();
  return Value(&entry, entry.value(), true);
}

}  // namespace

Result<std::optional<Value>> Protocol::Get(std::string_view key) {
  const std::uint64_t hash = tier_.Hash(key);
  if (recorder_.Wants(hash)) [[unlikely]] {
    return FindAndRecord({hash, key});
  }
  std::optional<Value> value;
  if (tier_.Hit(hash, key, [&](Entry& entry) { value = ValueOf(entry); })) return value;
  return Read({hash, key});
}

Result<bool> Protocol::Get(std::string_view key, std::string& value) {
  const std::uint64_t hash = tier_.Hash(key);
  if (recorder_.Wants(hash)) [[unlikely]] {
    return FindAndRecord({hash, key}, value);
  }
  bool found = false;
  const auto copy = [&](Entry& entry) {
    Assign(value, entry.value());
    found = !entry.absent();
  };
  if (tier_.Hit(hash, key, copy)) return found;
  const auto read = Read({hash, key});
  if (!read) return std::unexpected(read.error());
  Assign(value, *read ? (*read)->view() : std::string_view{});
  return read->has_value();
}

// As Get, which has this in itself: where two share it, the compiler calls its parts.
[[gnu::noinline]] Result<std::optional<Value>> Protocol::Find(HashedKey key) {
  std::optional<Value> value;
  if (tier_.Hit(key.hash, key.key, [&](Entry& entry) { value = ValueOf(entry); })) return value;
  return Read(key);
}

[[gnu::noinline]] Result<std::optional<Value>> Protocol::FindAndRecord(HashedKey key) {
  auto result = Find(key);
  Record(key, result);
  return result;
}

[[gnu::noinline]] Result<bool> Protocol::FindAndRecord(HashedKey key, std::string& value) {
  const auto result = FindAndRecord(key);
  if (!result) return std::unexpected(result.error());
  Assign(value, *result ? (*result)->view() : std::string_view{});  // the key may lie in it
  return result->has_value();
}

void Protocol::Record(HashedKey key, const Result<std::optional<Value>>& result) {
  if (!result) return;
  recorder_.Record(key.hash, TraceLine(key.key, *result ? (*result)->size() : 0));
}

// What a lookup that found nothing without the lock does. Out of the hit path's code.
[[gnu::noinline, gnu::cold]] Result<std::optional<Value>> Protocol::Read(HashedKey key) {
  bool disagreed = false;
  auto found = FindUntold(key, disagreed);
  if (disagreed) TellDisagreement(key.key);
  return found;
}

// Of what the store does not have so it only says that there is something to tell.
Result<std::optional<Value>> Protocol::FindUntold(HashedKey key, bool& disagreed) {
  Fetch fetch(key);
  std::optional<Value> found;
  if (!FindAgain(fetch, found)) return Resolve(fetch);
  disagreed |= Disagrees(fetch);
  return found;
}

// Looks again under the lock, and if the key is not there registers the read, in one critical
// section. True when it was there; the caller then asks whether it Disagrees, and tells so once no
// load of its own is in flight, for which the callback might wait.
bool Protocol::FindAgain(Fetch& fetch, std::optional<Value>& found) {
  const HashedKey key = fetch.load.key;
  Shard& shard = ShardOf(key);
  const std::lock_guard lock(shard.mutex());
  Entry* entry = shard.Find(key.hash, key.key);
  if (entry == nullptr) {
    fetch.role = LaneOf(key).in_flight.BeginRead(fetch.load);
    ShardStats& counters = shard.counters();
    ++counters.misses;
    ++(fetch.Joins() ? counters.shared_loads : counters.loads);
    fetch.caches = fetch.role == InFlight::Role::kLoads && tier_.Admits(key.hash);
    fetch.caches_cheap = fetch.caches && tier_.AdmitsCheap(key.hash);
    return false;
  }
  fetch.audited = tier_.HitLocked(key.hash, *entry);
  found = ValueOf(*entry);
  return true;
}

Result<std::optional<Value>> Protocol::Resolve(Fetch& fetch) {
  if (fetch.Joins()) return fetch.load.answer->Wait();
  Fetch* one = &fetch;
  const StoreRead read = ReadStore({&one, 1});
  auto result = Finish(fetch, read.nanoseconds);
  if (read.out_of_memory) throw std::bad_alloc();
  return result;
}

// Fills in what the store has. Running out of memory is an error like others, to be thrown on when
// all who wait have been told.
Protocol::StoreRead Protocol::ReadStore(std::span<Fetch*> fetches) {
  StoreRead read;
  try {
    if (fetches.size() == 1 && fetches[0]->Passes()) {
      GetFromStore(*fetches[0]);
      return read;
    }
    const BlockCache::Misses blocks = BlockCache::OfThread();
    for (Fetch* fetch : fetches) fetch->blocks_before = blocks.blocks;
    const Stopwatch watch;
    fetches.size() == 1 ? GetFromStore(*fetches[0]) : MultiGetFromStore(fetches);
    if (fetches[0]->ahead) return read;  // the store was not read
    read.nanoseconds = watch.nanoseconds();
    if (split_ != nullptr) TellSplit(fetches, read.nanoseconds, BlockCache::OfThread() - blocks);
  } catch (const std::bad_alloc&) {
    FailForMemory(fetches, read);
  }
  return read;
}

void Protocol::TellSplit(std::span<Fetch* const> fetches, std::uint64_t nanoseconds,
                         const BlockCache::Misses& blocks) {
  Ghost* ghost = split_->ghost();
  if (ghost == nullptr) return;
  MemorySplit::Load load{.keys = fetches.size(), .nanoseconds = nanoseconds, .blocks = blocks};
  for (const Fetch* fetch : fetches) {
    const std::uint64_t hash = fetch->load.key.hash;
    const double returned = ghost->Return(hash);
    load.returned += returned;
    load.noise += returned * returned;
    if (fetch->entry == nullptr) continue;
    ++load.found;
    load.bytes += fetch->entry->footprint();
    // Without room for it, or not worth that, it leaves as it comes.
    if (fetch->role == InFlight::Role::kLoads && fetch->entry->on_heap()) ghost->Leave({&hash, 1});
  }
  split_->Loaded(load, tier_);
}

void Protocol::FailForMemory(std::span<Fetch* const> fetches, StoreRead& read) {
  read.out_of_memory = true;
  for (Fetch* fetch : fetches) fetch->error = Error{ErrorCode::kInternal, "out of memory"};
}

void Protocol::GetFromStore(Fetch& fetch) {
  const auto receive = [&](std::string_view value) { Receive(fetch, value); };
  const auto found = Guarded<Result<bool>>([&] {
    auto answer = read_ahead_.Get(fetch.load.key.key, receive);
    fetch.ahead = answer.ahead;
    return std::move(answer.found);
  });
  if (!found) fetch.error = found.error();
}

void Protocol::MultiGetFromStore(std::span<Fetch*> fetches) {
  std::vector<std::string_view> keys;
  for (const Fetch* fetch : fetches) keys.push_back(fetch->load.key.key);
  const auto found = Guarded<Result<std::vector<Result<bool>>>>([&] {
    return store_->MultiGet(
        keys, [&](std::size_t i, std::string_view value) { Receive(*fetches[i], value); });
  });
  for (std::size_t i = 0; i < fetches.size(); ++i) {
    if (!found) {
      fetches[i]->error = found.error();
    } else if (!(*found)[i]) {
      fetches[i]->error = (*found)[i].error();
    }
  }
}

void Protocol::Receive(Fetch& fetch, std::string_view value) {
  const bool cheap = split_ != nullptr && split_->ReadFromMemory(fetch.blocks_before);
  if (cheap ? fetch.caches_cheap : fetch.caches) {
    fetch.entry = tier_.NewEntry(fetch.load.key, value, false);
  }
  if (fetch.entry == nullptr) fetch.entry = tier_.NewLooseEntry(value);
  fetch.value = {fetch.entry->value().data(), value.size()};
}

// Ends a read of the store: caches what it found if nothing overtook it, counts, and gives the
// answer to all who wait for it.
Result<std::optional<Value>> Protocol::Finish(Fetch& fetch, std::uint64_t nanoseconds) {
  const HashedKey key = fetch.load.key;
  const bool loads = fetch.role == InFlight::Role::kLoads;
  const bool absent = fetch.entry == nullptr && !fetch.error;
  Entry* entry = fetch.entry;
  if (absent && cache_absent_ && fetch.caches) entry = tier_.NewEntry(key, {}, true);

  Shard& shard = ShardOf(key);
  bool linked = false;
  {
    const std::lock_guard lock(shard.mutex());
    Lane& lane = LaneOf(key);
    ShardStats& counters = shard.counters();
    if (loads && !lane.in_flight.EndLoad(fetch.load)) {
      ++counters.stale_loads;
    } else if (loads && !fetch.error && entry != nullptr) {
      linked = !entry->on_heap() && tier_.Link(shard, key.hash, *entry);
      if (!linked && tier_.enabled()) ++counters.rejections;
    }
    if (absent) counters.absent += 1 + fetch.load.joined;
    if (fetch.ahead) ++counters.loads_ahead;
    if (fetch.error) ++counters.load_errors;
    if (nanoseconds != 0) {
      counters.load_nanoseconds += nanoseconds;
      lane.load_latency.Record(nanoseconds);
    }
  }
  Result<std::optional<Value>> result = std::nullopt;
  if (entry != nullptr) {
    if (!linked) MemoryTier::Detach(*entry);
    Value value(entry, absent ? std::string_view{} : fetch.value, false);
    if (!absent) result = std::move(value);
  }
  if (fetch.error) result = std::unexpected(*std::move(fetch.error));
  if (fetch.load.answer != nullptr) fetch.load.answer->Publish(result);
  return result;
}

// Hits first; then what is missing is registered, read in one call of the store and finished, and
// only then others' loads are waited for, so that two calls never wait for each other.
std::vector<Result<std::optional<Value>>> Protocol::MultiGet(
    std::span<const std::string_view> keys) {
  std::vector<Result<std::optional<Value>>> results;
  results.reserve(keys.size());
  std::vector<HashedKey> hashed(keys.size());
  for (std::size_t i = 0; i < keys.size(); ++i) hashed[i] = Hashed(keys[i]);
  std::vector<std::size_t> missing;
  missing.reserve(keys.size());  // not under the guard
  // In parts of about equal length: a short one would overlap few cache misses.
  const std::size_t parts = (keys.size() + MemoryTier::kMostAhead - 1) / MemoryTier::kMostAhead;
  for (std::size_t part = 0; part < parts; ++part) {
    const std::size_t begin = keys.size() * part / parts;
    const std::size_t end = keys.size() * (part + 1) / parts;
    tier_.HitMany(
        std::span(hashed).subspan(begin, end - begin),
        [&](Entry& entry) {
          if (entry.absent()) return void(results.emplace_back());
          entry.Ref();
          results.emplace_back(std::in_place, std::in_place, &entry, entry.value(), true);
        },
        [&] {
          missing.push_back(results.size());
          results.emplace_back();
        });
  }
  if (!missing.empty()) FetchMissing(hashed, missing, results);
  if (recorder_.on()) [[unlikely]] {
    for (std::size_t i = 0; i < keys.size(); ++i) {
      if (recorder_.Wants(hashed[i].hash)) Record(hashed[i], results[i]);
    }
  }
  return results;
}

void Protocol::FetchMissing(std::span<const HashedKey> keys, std::span<const std::size_t> missing,
                            std::span<Result<std::optional<Value>>> results) {
  std::vector<std::pair<std::size_t, std::size_t>> repeated;  // index, and that of the first
  std::unordered_map<std::string_view, std::size_t> first;    // of keys that are really missing
  std::deque<Fetch> fetches;  // of those, and of hits to be audited; a load stays where it is
  std::vector<Fetch*> own;
  own.reserve(missing.size());
  StoreRead read;
  try {
    for (const std::size_t i : missing) {
      if (const auto known = first.find(keys[i].key); known != first.end()) {
        repeated.emplace_back(i, known->second);
        continue;
      }
      Fetch& fetch = fetches.emplace_back(keys[i]);
      fetch.index = i;
      if (std::optional<Value> found; FindAgain(fetch, found)) {
        results[i] = std::move(found);
        if (fetch.audited == nullptr) fetches.pop_back();
        continue;
      }
      if (!fetch.Joins()) own.push_back(&fetch);
      first.emplace(keys[i].key, i);
    }
  } catch (const std::bad_alloc&) {
    FailForMemory(own, read);  // others may wait for the loads that were registered
  }

  if (!own.empty() && !read.out_of_memory) read = ReadStore(own);
  for (Fetch* fetch : own) {
    results[fetch->index] = Finish(*fetch, std::exchange(read.nanoseconds, 0));
  }
  for (const Fetch& fetch : fetches) {
    if (Disagrees(fetch)) TellDisagreement(fetch.load.key.key);
  }
  if (read.out_of_memory) throw std::bad_alloc();
  for (Fetch& fetch : fetches) {
    if (fetch.Joins()) results[fetch.index] = fetch.load.answer->Wait();
  }
  for (const auto& [index, original] : repeated) {
    results[index] = results[original];
    CountRepeated(keys[index], results[index]);
  }
}

// A key asked for twice in one call is a lookup of its own, answered by the first one's read.
void Protocol::CountRepeated(HashedKey key, const Result<std::optional<Value>>& result) {
  Shard& shard = ShardOf(key);
  const std::lock_guard lock(shard.mutex());
  ++shard.counters().misses;
  ++shard.counters().shared_loads;
  if (result && !*result) ++shard.counters().absent;
}

Result<bool> Protocol::Contains(std::string_view key) {
  if (const auto known = tier_.Peek(tier_.Hash(key), key)) return *known;
  return Guarded<Result<bool>>([&] { return store_->Get(key, [](std::string_view) {}); });
}

Result<void> Protocol::Scan(const ScanOptions& options, const ScanVisitor& visit) {
  const auto scan = [&] {
    return Guarded<Result<void>>([&] { return store_->Scan(options, visit); });
  };
  if (split_ == nullptr) return scan();
  const BlockCache::Misses blocks = BlockCache::OfThread();
  const Stopwatch watch;
  auto scanned = scan();
  split_->Scanned(BlockCache::OfThread() - blocks, watch.nanoseconds(), tier_);
  return scanned;
}

Result<Value> Protocol::GetOrCompute(std::string_view key,
                                     const std::function<Result<std::string>()>& compute,
                                     const WriteOptions& options) {
  auto result = FindOrCompute(key, compute, options);
  // One lookup, whatever it took.
  const HashedKey hashed = Hashed(key);
  if (recorder_.Wants(hashed.hash) && result) Record(hashed, *result);
  return result;
}

Result<Value> Protocol::FindOrCompute(std::string_view key,
                                      const std::function<Result<std::string>()>& compute,
                                      const WriteOptions& options) {
  for (;;) {
    auto found = Find(Hashed(key));
    if (!found) return std::unexpected(std::move(found.error()));
    if (*found) return **std::move(found);

    const std::string name(key);
    auto answer = std::make_shared<Answer>();
    bool mine = false;
    {
      const std::lock_guard lock(computing_mutex_);
      const auto slot = computing_.try_emplace(name, answer);
      answer = slot.first->second;
      mine = slot.second;
    }
    auto result = mine ? ComputeAndPublish(name, *answer, compute, options) : answer->Wait();
    if (!result) return std::unexpected(std::move(result.error()));
    if (mine) return **std::move(result);
    // What another computed may have been overwritten before this call began: look again.
  }
}

Result<std::optional<Value>> Protocol::ComputeAndPublish(
    const std::string& key, Answer& answer, const std::function<Result<std::string>()>& compute,
    const WriteOptions& options) {
  Result<std::optional<Value>> result = Fail(ErrorCode::kInternal, "out of memory");
  bool disagreed = false;
  const auto publish = [&] {
    {
      const std::lock_guard lock(computing_mutex_);
      computing_.erase(key);
    }
    answer.Publish(result);
    if (disagreed) TellDisagreement(key);  // only now: the callback may ask for this very value
  };
  try {
    result = Compute(key, compute, options, disagreed);
  } catch (const std::bad_alloc&) {
    publish();
    throw;
  }
  publish();
  return result;
}

// Always a value or an error. Whoever computed the key before us has written it by now: look again.
Result<std::optional<Value>> Protocol::Compute(std::string_view key,
                                               const std::function<Result<std::string>()>& compute,
                                               const WriteOptions& options, bool& disagreed) {
  for (;;) {
    const KeyLease lease(*this, Hashed(key));
    auto found = FindUntold(lease.key(), disagreed);
    if (!found || *found) return found;
    auto computed = Guarded<Result<std::string>>(compute);
    if (!computed) return std::unexpected(std::move(computed.error()));
    const auto written = PutUnder(lease, *computed, options);
    if (!written) return std::unexpected(written.error());
    if (!*written) continue;
    Entry* entry = tier_.NewLooseEntry(*computed);
    return Value(entry, {entry->value().data(), computed->size()}, false);
  }
}

}  // namespace kvcache
