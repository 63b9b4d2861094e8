// Calls of a cache on one thread, faults of the store among them, against a std::map. One hit in
// four is audited.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kvcache/cache.h"
#include "kvcache/memory_store.h"
#include "kvcache/policy.h"
#include "support/failing_store.h"
#include "support/text.h"

namespace kvcache::testing {

using Pairs = std::vector<std::pair<std::string, std::string>>;

// Chooses a number below its argument: at random, or as a fuzzer's bytes have it.
using Choose = std::function<std::uint32_t(std::size_t bound)>;

// One run: a cache, the model of its store, and calls on both.
class ModelRun {
 public:
  ModelRun(Options options, Choose choose) : choose_(std::move(choose)) {
    options.audit_one_in = 4;
    auto faults = std::make_unique<FailingStore>(MakeMemoryStore());
    faults_ = faults.get();
    auto cache = Cache::Open(options, std::move(faults));
    if (!cache) throw std::runtime_error(cache.error().message);
    cache_ = *std::move(cache);
    for (const PolicyInfo& info : RegisteredPolicies()) policies_.push_back(info.name);
    policies_.emplace_back("lru-k:k=3,history=0");
  }

  FailingStore& faults() { return *faults_; }

  // Makes one call. Returns where cache and model disagree, empty when they do not.
  std::string Step() {
    faults_before_ = faults_->faults();
    try {
      return Call();
    } catch (const std::bad_alloc&) {
      return Check("a call", true, std::string(kBadAlloc), "");
    }
  }

  std::string CheckAll() {
    for (int i = 0; i < kKeys; ++i) {
      const std::string key = Key(i);
      for (;;) {
        faults_before_ = faults_->faults();
        const std::string answer = Answer(key);
        if (answer == Expected(key)) break;
        const bool failed = answer.starts_with("error: ") || answer == kBadAlloc;
        if (!failed || faults_->faults() == faults_before_) {
          return Differ("Get " + key, answer, Expected(key));
        }
      }
    }
    if (cache_->GetStats().total.disagreements != 0) return "audits found a wrong entry";
    return CheckHeld();
  }

 private:
  static constexpr int kKeys = 150;
  static constexpr std::string_view kBadAlloc = "std::bad_alloc";

  std::string Call() {
    const std::uint32_t what = choose_(200);
    if (what < 60) return Get();
    if (what < 75) return MultiGet();
    if (what < 80) return Contains();
    if (what < 120) return Put();
    if (what < 130) return Delete();
    if (what < 145) return WriteBatch();
    if (what < 150) return DeleteRange();
    if (what < 158) return WriteWith();
    if (what < 166) return WriteOutside();
    if (what < 174) return Scan();
    if (what < 182) return GetOrCompute();
    if (what < 188) return CheckHeld();
    if (what < 192) return FailNext();
    return Reconfigure();
  }

  // Many share prefixes; the shortest is empty.
  static std::string Key(int i) {
    return std::string(static_cast<std::size_t>(i % 4), 'k') + (i < 4 ? "" : std::to_string(i));
  }
  std::string RandomKey() { return Key(static_cast<int>(choose_(kKeys))); }
  std::string NewValue() {
    const std::size_t most = choose_(50) == 0 ? 100'000 : 500;
    std::string value = std::to_string(++values_) + ":";
    value.resize(value.size() + choose_(most), static_cast<char>('a' + values_ % 26));
    return value;
  }

  std::string Expected(const std::string& key) const {
    const auto found = model_.find(key);
    return found == model_.end() ? std::string(kAbsent) : found->second;
  }
  static std::string Differ(const std::string& what, const std::string& got,
                            const std::string& want) {
    return what + ": got '" + got.substr(0, 60) + "', want '" + want.substr(0, 60) + "'";
  }

  // An answer is right, or an error that the store was made to give during this call.
  std::string Check(const std::string& what, bool failed, const std::string& got,
                    const std::string& want) const {
    if (failed) return faults_->faults() != faults_before_ ? "" : Differ(what, got, want);
    return got == want ? "" : Differ(what, got, want);
  }

  std::string Get() {
    const std::string key = RandomKey();
    if (choose_(3) == 0) {
      std::string value = "from before";
      const auto found = cache_->Get(key, value);
      const bool has = model_.contains(key);
      const std::string want = has ? Expected(key) : "";
      if (found && *found != has) return Differ("Get " + key, Text(found), has ? "yes" : "no");
      return Check("Get into a string " + key, !found, found ? value : Text(found), want);
    }
    auto answer = cache_->Get(key);
    std::string error = Check("Get " + key, !answer, Text(answer), Expected(key));
    if (answer && *answer && choose_(10) == 0) {
      held_.emplace_back(**std::move(answer), Expected(key));
      if (held_.size() > 20) held_.pop_front();
    }
    return error;
  }

  std::string Answer(const std::string& key) {
    try {
      return Text(cache_->Get(key));
    } catch (const std::bad_alloc&) {
      return std::string(kBadAlloc);
    }
  }

  std::string MultiGet() {
    std::vector<std::string> keys(choose_(12));
    for (std::string& key : keys) key = RandomKey();
    const auto answers = cache_->MultiGet(std::vector<std::string_view>(keys.begin(), keys.end()));
    for (std::size_t i = 0; i < keys.size(); ++i) {
      auto error = Check("MultiGet " + keys[i], !answers[i], Text(answers[i]), Expected(keys[i]));
      if (!error.empty()) return error;
    }
    return "";
  }

  std::string Contains() {
    const std::string key = RandomKey();
    const auto answer = cache_->Contains(key);
    return Check("Contains " + key, !answer, Text(answer), model_.contains(key) ? "yes" : "no");
  }

  // Writes `batch` by `write` and keeps the model in step with what the store took.
  template <class Write>
  std::string WriteBoth(const std::string& what, const Batch& batch, Write&& write) {
    const Result<void> written = write();
    if (written || faults_->last_write_took_effect()) Apply(batch);
    return Check(what, !written, Text(written), "ok");
  }

  void Apply(const Batch& batch) {
    for (std::size_t i = 0; i < batch.size(); ++i) {
      const Operation step = batch[i];
      const std::string key(step.key);
      if (step.kind == Operation::Kind::kPut) model_[key] = step.value;
      if (step.kind == Operation::Kind::kDelete) model_.erase(key);
      if (step.kind == Operation::Kind::kDeleteRange && step.key < step.value) {
        model_.erase(model_.lower_bound(key), model_.lower_bound(std::string(step.value)));
      }
    }
  }

  WriteOptions RandomWriteOptions() { return {.fill_tier = choose_(4) != 0}; }

  std::string Put() {
    Batch batch;
    batch.Put(RandomKey(), NewValue());
    const auto write = [&] {
      return cache_->Put(batch[0].key, batch[0].value, RandomWriteOptions());
    };
    return WriteBoth("Put", batch, write);
  }

  std::string Delete() {
    Batch batch;
    batch.Delete(RandomKey());
    return WriteBoth("Delete", batch, [&] { return cache_->Delete(batch[0].key); });
  }

  std::string DeleteRange() {
    Batch batch;
    const std::string one = RandomKey();
    const std::string other = RandomKey();
    batch.DeleteRange(std::min(one, other), std::max(one, other));
    const auto write = [&] { return cache_->DeleteRange(batch[0].key, batch[0].value); };
    return WriteBoth("DeleteRange", batch, write);
  }

  Batch RandomBatch() {
    Batch batch;
    for (std::uint32_t steps = 1 + choose_(12); steps > 0; --steps) {
      const std::uint32_t kind = choose_(8);
      if (kind == 0) {
        const std::string begin = RandomKey();
        batch.DeleteRange(begin, begin + "5");
      } else if (kind < 3) {
        batch.Delete(RandomKey());
      } else {
        batch.Put(RandomKey(), NewValue());
      }
    }
    return batch;
  }

  std::string WriteBatch() {
    const Batch batch = RandomBatch();
    return WriteBoth("Write", batch, [&] { return cache_->Write(batch, RandomWriteOptions()); });
  }

  std::string WriteWith() {
    const std::string key = RandomKey();
    const std::string other = RandomKey();
    Batch batch;
    batch.Put(key, NewValue());
    batch.Delete(other);
    const auto commit = [&] { return cache_->store().Write(batch, {}); };
    const auto write = [&] {
      if (choose_(2) == 0) return cache_->WriteWith(KeyRange{}, commit);
      const std::vector<std::string_view> keys = {key, other};
      return cache_->WriteWith(keys, commit);
    };
    return WriteBoth("WriteWith", batch, write);
  }

  // Past the cache, and then one of the calls that make that right.
  std::string WriteOutside() {
    const std::string key = RandomKey();
    Batch batch;
    batch.Put(key, NewValue());
    const auto write = [&]() -> Result<void> {
      try {
        return cache_->store().Write(batch, {});
      } catch (const std::runtime_error& error) {
        return Fail(ErrorCode::kInternal, error.what());
      }
    };
    std::string error = WriteBoth("write past the cache", batch, write);
    const std::uint32_t how = choose_(3);
    if (how == 0) cache_->Invalidate(key);
    if (how == 1) cache_->InvalidatePrefix(std::string_view(key).substr(0, choose_(4)));
    if (how == 2) cache_->InvalidateAll();
    return error;
  }

  Pairs ExpectedScan(const ScanOptions& options) const {
    Pairs pairs;
    for (const auto& [key, value] : model_) {
      if (options.range.from && key < *options.range.from) continue;
      if (options.range.to && key >= *options.range.to) continue;
      if (options.prefix && !key.starts_with(*options.prefix)) continue;
      pairs.emplace_back(key, value);
    }
    if (options.reverse) std::reverse(pairs.begin(), pairs.end());
    if (options.limit != 0 && pairs.size() > options.limit) pairs.resize(options.limit);
    return pairs;
  }

  std::string Scan() {
    ScanOptions options;
    if (choose_(2) == 0) options.range.from = RandomKey();
    if (choose_(2) == 0) options.range.to = RandomKey();
    if (choose_(3) == 0) options.prefix = RandomKey().substr(0, 2);
    if (choose_(2) == 0) options.limit = choose_(20);
    options.reverse = choose_(2) == 0;
    Pairs pairs;
    const auto scanned = cache_->Scan(options, [&](std::string_view key, std::string_view value) {
      pairs.emplace_back(key, value);
      return true;
    });
    if (!scanned) return Check("Scan", true, Text(scanned), "ok");
    return pairs == ExpectedScan(options) ? "" : "Scan differs";
  }

  std::string GetOrCompute() {
    const std::string key = RandomKey();
    const std::string value = NewValue();
    const bool had = model_.contains(key);
    bool computed = false;
    const auto got = cache_->GetOrCompute(key, [&]() -> Result<std::string> {
      computed = true;
      return value;
    });
    if (computed && had) return "GetOrCompute computed " + key + ", which the store has";
    if (computed && faults_->last_write_took_effect()) model_[key] = value;
    return Check("GetOrCompute " + key, !got, Text(got), Expected(key));
  }

  std::string CheckHeld() {
    for (const auto& [value, bytes] : held_) {
      if (value.view() != bytes) return Differ("a held value", std::string(value.view()), bytes);
    }
    return "";
  }

  std::string FailNext() {
    constexpr Fault kFaults[] = {Fault::kError, Fault::kErrorAfterEffect, Fault::kException,
                                 Fault::kBadAlloc};
    const Fault fault = kFaults[choose_(std::size(kFaults))];
    const std::uint32_t what = choose_(3);
    if (what == 0) faults_->FailNextRead(fault);
    if (what == 1) faults_->FailNextWrite(fault);
    if (what == 2) faults_->FailNextScan(fault);
    return "";
  }

  std::string Reconfigure() {
    const std::uint32_t what = choose_(3);
    Result<void> result;
    if (what == 0) result = cache_->SetPolicy(policies_[choose_(policies_.size())]);
    if (what == 1) {
      result = cache_->SetCapacity(choose_(4) == 0 ? 0 : choose_(1 << 22));
    }
    if (what == 2) result = cache_->SetCapacityEntries(choose_(200));
    return Text(result) == "ok" ? "" : Text(result);
  }

  const Choose choose_;
  FailingStore* faults_ = nullptr;
  std::unique_ptr<Cache> cache_;
  std::map<std::string, std::string> model_;
  std::deque<std::pair<Value, std::string>> held_;
  std::vector<std::string> policies_;
  std::uint64_t values_ = 0;
  std::uint64_t faults_before_ = 0;
};

}  // namespace kvcache::testing
