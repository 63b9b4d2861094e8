// A comparator that RocksDB does not have: short keys before long ones, bytewise among equals. Keys
// with a common prefix are not neighbours in it.
#pragma once

#include <rocksdb/comparator.h>
#include <rocksdb/slice.h>

#include <string>

namespace kvcache::testing {

class Shortlex : public rocksdb::Comparator {
 public:
  int Compare(const rocksdb::Slice& a, const rocksdb::Slice& b) const override {
    if (a.size() != b.size()) return a.size() < b.size() ? -1 : 1;
    return a.compare(b);
  }
  const char* Name() const override { return "kvcache.test.Shortlex"; }
  bool CanKeysWithDifferentByteContentsBeEqual() const override { return false; }
  void FindShortestSeparator(std::string*, const rocksdb::Slice&) const override {}
  void FindShortSuccessor(std::string*) const override {}
};

}  // namespace kvcache::testing
