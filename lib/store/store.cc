#include "kvcache/store.h"

namespace kvcache {

void Batch::Put(std::string_view key, std::string_view value) {
  Append(Operation::Kind::kPut, key, value);
}

void Batch::Delete(std::string_view key) { Append(Operation::Kind::kDelete, key, {}); }

void Batch::DeleteRange(std::string_view begin, std::string_view end) {
  Append(Operation::Kind::kDeleteRange, begin, end);
}

void Batch::Clear() {
  bytes_.clear();
  steps_.clear();
}

Operation Batch::operator[](std::size_t i) const {
  const Step& step = steps_[i];
  const std::string_view bytes = std::string_view(bytes_).substr(step.key_at);
  return {step.kind, bytes.substr(0, step.key_size), bytes.substr(step.key_size, step.value_size)};
}

void Batch::Append(Operation::Kind kind, std::string_view key, std::string_view value) {
  const std::size_t key_at = bytes_.size();
  bytes_.append(key).append(value);
  steps_.push_back({kind, key_at, key.size(), value.size()});
}

std::vector<Result<bool>> Store::MultiGet(std::span<const std::string_view> keys,
                                          const IndexedReceiver& receive) {
  std::vector<Result<bool>> answers;
  answers.reserve(keys.size());
  for (std::size_t i = 0; i < keys.size(); ++i) {
    answers.push_back(Get(keys[i], [&](std::string_view value) { receive(i, value); }));
  }
  return answers;
}

Result<void> Store::Put(std::string_view key, std::string_view value, const WriteOptions& options) {
  Batch batch;
  batch.Put(key, value);
  return Write(batch, options);
}

Result<void> Store::Delete(std::string_view key, const WriteOptions& options) {
  Batch batch;
  batch.Delete(key);
  return Write(batch, options);
}

int Store::Compare(std::string_view a, std::string_view b) const { return a.compare(b); }

Result<void> Store::CatchUp() {
  return Fail(ErrorCode::kNotSupported, "this store is not a secondary: it follows no primary");
}

}  // namespace kvcache
