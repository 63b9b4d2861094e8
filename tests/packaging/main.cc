// What every consumer of the package builds and runs: one value through the cache, read back.
#include <kvcache/cache.h>

#include <cstdio>
#include <filesystem>
#include <string>

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: consumer DIRECTORY\n", stderr);
    return 2;
  }
  const std::filesystem::path database = argv[1];
  std::filesystem::remove_all(database);

  auto cache = kvcache::Cache::Open({.path = database, .policy = "lru-k:k=2"});
  if (!cache) {
    std::fprintf(stderr, "open: %s\n", cache.error().message.c_str());
    return 1;
  }
  if (auto put = (*cache)->Put("user:42", "features"); !put) {
    std::fprintf(stderr, "put: %s\n", put.error().message.c_str());
    return 1;
  }
  auto value = (*cache)->Get("user:42");
  const bool right = value && *value && (*value)->view() == "features";
  std::puts(right ? "consumer: the value came back" : "consumer: the value did not come back");
  return right ? 0 : 1;
}
