#include "kvcache/memory_store.h"

#include <functional>
#include <iterator>
#include <map>
#include <mutex>
#include <shared_mutex>

#include "store/scan_range.h"

namespace kvcache {
namespace {

// Callbacks run without the lock, on values that they share with the map: values never change, a
// write puts a new one in the old one's place.
class MemoryStore : public Store {
 public:
  Result<bool> Get(std::string_view key, const Receiver& receive) override {
    const SharedValue value = Find(key);
    if (value != nullptr) receive(*value);
    return value != nullptr;
  }

  Result<void> Write(const Batch& batch, const WriteOptions& /*options*/) override {
    // All memory first, as a batch is written whole or not at all.
    std::vector<Map::node_type> nodes(batch.size());
    for (std::size_t i = 0; i < batch.size(); ++i) {
      if (batch[i].kind == Operation::Kind::kPut) nodes[i] = NewNode(batch[i]);
    }
    const std::unique_lock lock(mutex_);
    for (std::size_t i = 0; i < batch.size(); ++i) Apply(batch[i], std::move(nodes[i]));
    return {};
  }

  Result<void> Scan(const ScanOptions& options, const ScanVisitor& visit) override {
    for (const auto& [key, value] : Snapshot(options)) {
      if (!visit(key, *value)) break;
    }
    return {};
  }

  std::vector<StoreFigure> Describe() override {
    const std::shared_lock lock(mutex_);
    return {{"keys", map_.size()}};
  }

 private:
  using SharedValue = std::shared_ptr<const std::string>;
  using Map = std::map<std::string, SharedValue, std::less<>>;

  SharedValue Find(std::string_view key) const {
    const std::shared_lock lock(mutex_);
    const auto found = map_.find(key);
    return found == map_.end() ? nullptr : found->second;
  }

  static Map::node_type NewNode(const Operation& put) {
    Map map;
    map.emplace(put.key, std::make_shared<const std::string>(put.value));
    return map.extract(map.begin());
  }

  // `node`: of a put.
  void Apply(const Operation& operation, Map::node_type node) {
    switch (operation.kind) {
      case Operation::Kind::kPut:
        if (auto put = map_.insert(std::move(node)); !put.inserted) {
          put.position->second = std::move(put.node.mapped());
        }
        break;
      case Operation::Kind::kDelete:
        if (const auto found = map_.find(operation.key); found != map_.end()) map_.erase(found);
        break;
      case Operation::Kind::kDeleteRange:
        if (operation.key < operation.value) {
          map_.erase(map_.lower_bound(operation.key), map_.lower_bound(operation.value));
        }
        break;
    }
  }

  // What a scan visits, in its order.
  std::vector<std::pair<std::string, SharedValue>> Snapshot(const ScanOptions& options) const {
    const ScanRange range = RangeOf(options, KeyOrder::kBytewise);
    if (range.lower && range.upper && *range.lower >= *range.upper) return {};

    const std::shared_lock lock(mutex_);
    const auto first = range.lower ? map_.lower_bound(*range.lower) : map_.begin();
    const auto last = range.upper ? map_.lower_bound(*range.upper) : map_.end();
    std::vector<std::pair<std::string, SharedValue>> pairs;
    const auto copy = [&](auto begin, auto end) {
      for (; begin != end && (options.limit == 0 || pairs.size() < options.limit); ++begin) {
        pairs.emplace_back(*begin);
      }
    };
    if (options.reverse) {
      copy(std::make_reverse_iterator(last), std::make_reverse_iterator(first));
    } else {
      copy(first, last);
    }
    return pairs;
  }

  mutable std::shared_mutex mutex_;
  Map map_;  // guarded by mutex_
};

}  // namespace

std::unique_ptr<Store> MakeMemoryStore() { return std::make_unique<MemoryStore>(); }

}  // namespace kvcache
