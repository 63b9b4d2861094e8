// A store in memory, for tests and for services that have their data elsewhere.
#pragma once

#include <memory>

#include "kvcache/store.h"

namespace kvcache {

// An empty store, ordered bytewise; what is in it goes when it goes. Its calls never fail, but
// CatchUp, which it does not support, and a callback may call the store again. A scan first copies
// what it visits, keys as bytes and values by reference.
std::unique_ptr<Store> MakeMemoryStore();

}  // namespace kvcache
