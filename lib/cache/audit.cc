// Audits: what a hit gave is compared with the store (Options::audit_one_in).
#include <new>

#include "cache/guarded.h"
#include "cache/protocol.h"

namespace kvcache {

// Every write and invalidation of a key unlinks its entry before the store is written, and an entry
// is linked once. So one that a hit found and that is still linked when the store was read equals
// what the store held meanwhile; no mark of its own is needed.
bool Protocol::Disagrees(std::uint64_t hash, const Entry& entry) {
  const std::optional<bool> agrees = StoreAgrees(entry);
  if (!agrees) return false;
  Shard& shard = tier_.ShardOf(hash);
  const std::lock_guard lock(shard.mutex());
  if (!shard.Holds(hash, entry)) return false;
  ++shard.counters().audits;
  if (*agrees) return false;
  ++shard.counters().disagreements;
  tier_.Drop(shard, hash, entry.key());
  return true;
}

void Protocol::Audit(std::uint64_t hash, Entry& entry) {
  const Value held(&entry, entry.value(), true);  // gives the reference back
  if (Disagrees(hash, entry)) TellDisagreement(entry.key());
}

bool Protocol::Disagrees(const Fetch& fetch) {
  if (fetch.audited == nullptr) return false;
  const Value held(fetch.audited, fetch.audited->value(), true);  // gives the reference back
  return Disagrees(fetch.load.key.hash, *fetch.audited);
}

void Protocol::TellDisagreement(std::string_view key) {
  if (on_disagreement_ == nullptr) return;
  try {
    on_disagreement_(key);
  } catch (...) {
    return;  // not the lookup's
  }
}

// Nothing when the store could not be read.
std::optional<bool> Protocol::StoreAgrees(const Entry& entry) {
  bool same = false;
  try {
    const auto found = Guarded<Result<bool>>([&] {
      return store_->Get(entry.key(),
                         [&](std::string_view value) { same = value == entry.value(); });
    });
    if (!found) return std::nullopt;
    return entry.absent() ? !*found : *found && same;
  } catch (const std::bad_alloc&) {
    return std::nullopt;
  }
}

}  // namespace kvcache
