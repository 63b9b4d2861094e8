// CacheWrapper: a RocksDB cache that hands every call on to another one; what RocksDB has of its
// own only from version 8 on.
#pragma once

#include <rocksdb/cache.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace kvcache {

class CacheWrapper : public rocksdb::Cache {
 public:
  using Slice = rocksdb::Slice;
  using Status = rocksdb::Status;
  using Statistics = rocksdb::Statistics;

  explicit CacheWrapper(std::shared_ptr<rocksdb::Cache> cache) : cache_(std::move(cache)) {}

  const char* Name() const override { return cache_->Name(); }
  Status Insert(const Slice& key, void* value, std::size_t charge, DeleterFn deleter,
                Handle** handle, Priority priority) override {
    return cache_->Insert(key, value, charge, deleter, handle, priority);
  }
  Status Insert(const Slice& key, void* value, const CacheItemHelper* helper, std::size_t charge,
                Handle** handle, Priority priority) override {
    return cache_->Insert(key, value, helper, charge, handle, priority);
  }
  Handle* Lookup(const Slice& key, Statistics* stats) override {
    return cache_->Lookup(key, stats);
  }
  Handle* Lookup(const Slice& key, const CacheItemHelper* helper, const CreateCallback& create,
                 Priority priority, bool wait, Statistics* stats) override {
    return cache_->Lookup(key, helper, create, priority, wait, stats);
  }
  bool Ref(Handle* handle) override { return cache_->Ref(handle); }
  bool Release(Handle* handle, bool erase_if_last_ref) override {
    return cache_->Release(handle, erase_if_last_ref);
  }
  bool Release(Handle* handle, bool useful, bool erase_if_last_ref) override {
    return cache_->Release(handle, useful, erase_if_last_ref);
  }
  bool IsReady(Handle* handle) override { return cache_->IsReady(handle); }
  void Wait(Handle* handle) override { cache_->Wait(handle); }
  void WaitAll(std::vector<Handle*>& handles) override { cache_->WaitAll(handles); }
  void* Value(Handle* handle) override { return cache_->Value(handle); }
  void Erase(const Slice& key) override { cache_->Erase(key); }
  void EraseUnRefEntries() override { cache_->EraseUnRefEntries(); }
  std::uint64_t NewId() override { return cache_->NewId(); }
  void DisownData() override { cache_->DisownData(); }

  void SetCapacity(std::size_t bytes) override { cache_->SetCapacity(bytes); }
  std::size_t GetCapacity() const override { return cache_->GetCapacity(); }
  void SetStrictCapacityLimit(bool strict) override { cache_->SetStrictCapacityLimit(strict); }
  bool HasStrictCapacityLimit() const override { return cache_->HasStrictCapacityLimit(); }
  std::size_t GetUsage() const override { return cache_->GetUsage(); }
  std::size_t GetUsage(Handle* handle) const override { return cache_->GetUsage(handle); }
  std::size_t GetPinnedUsage() const override { return cache_->GetPinnedUsage(); }
  std::size_t GetOccupancyCount() const override { return cache_->GetOccupancyCount(); }
  std::size_t GetTableAddressCount() const override { return cache_->GetTableAddressCount(); }
  std::size_t GetCharge(Handle* handle) const override { return cache_->GetCharge(handle); }
  DeleterFn GetDeleter(Handle* handle) const override { return cache_->GetDeleter(handle); }
  void ApplyToAllEntries(const std::function<void(const Slice& key, void* value, std::size_t charge,
                                                  DeleterFn deleter)>& callback,
                         const ApplyToAllEntriesOptions& options) override {
    cache_->ApplyToAllEntries(callback, options);
  }
  std::string GetPrintableOptions() const override { return cache_->GetPrintableOptions(); }

 private:
  const std::shared_ptr<rocksdb::Cache> cache_;
};

}  // namespace kvcache
