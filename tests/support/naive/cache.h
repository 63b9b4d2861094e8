// Eviction policies as their definitions read, with nothing but ordered containers and full scans:
// slow, and plainly right. What they have in common.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <list>
#include <map>

namespace kvcache::testing {

// A cache of objects with sizes. What is larger than all of it is not cached.
class NaiveCache {
 public:
  explicit NaiveCache(std::uint64_t capacity) : capacity_(capacity) {}
  virtual ~NaiveCache() = default;

  // True: a hit.
  bool Request(std::uint64_t key, std::uint64_t size = 1) {
    ++now_;
    if (sizes_.contains(key)) {
      Hit(key);
      return true;
    }
    if (size > capacity_) return false;
    Miss(key, size);
    while (used_ + size > capacity_) {
      const std::uint64_t victim = Evict();
      used_ -= sizes_.at(victim);
      sizes_.erase(victim);
    }
    sizes_[key] = size;
    used_ += size;
    Insert(key);
    return false;
  }

 protected:
  virtual void Hit(std::uint64_t key) = 0;
  // Before the evictions that make room for a missed key.
  virtual void Miss(std::uint64_t, std::uint64_t) {}
  // Takes out a resident key, whose size is still known, and returns it.
  virtual std::uint64_t Evict() = 0;
  virtual void Insert(std::uint64_t key) = 0;

  std::uint64_t now() const { return now_; }  // the request's number
  std::uint64_t capacity() const { return capacity_; }
  std::size_t objects() const { return sizes_.size(); }
  std::uint64_t SizeOf(std::uint64_t key) const { return sizes_.at(key); }
  std::uint64_t SizeOf(const std::list<std::uint64_t>& keys) const {
    std::uint64_t size = 0;
    for (const std::uint64_t key : keys) size += SizeOf(key);
    return size;
  }

  static bool Contains(const std::list<std::uint64_t>& keys, std::uint64_t key) {
    return std::ranges::find(keys, key) != keys.end();
  }
  static std::uint64_t TakeFront(std::list<std::uint64_t>& keys) {
    const std::uint64_t key = keys.front();
    keys.pop_front();
    return key;
  }

 private:
  const std::uint64_t capacity_;
  std::uint64_t used_ = 0;
  std::uint64_t now_ = 0;
  std::map<std::uint64_t, std::uint64_t> sizes_;
};

}  // namespace kvcache::testing
