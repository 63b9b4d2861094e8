#include "store/claim.h"

#include <mutex>
#include <set>

namespace kvcache {
namespace {

struct Claims {
  std::mutex mutex;
  std::set<Claim::Id> held;
};

// Never destroyed: stores of static duration may outlive whatever this file could destroy.
Claims& AllClaims() {
  static Claims& claims = *new Claims;
  return claims;
}

bool Take(const Claim::Id& id) {
  Claims& claims = AllClaims();
  const std::lock_guard lock(claims.mutex);
  return claims.held.insert(id).second;
}

}  // namespace

Claim::Claim(Id id) : id_(id), held_(Take(id)) {}

Claim::~Claim() {
  if (!held_) return;
  Claims& claims = AllClaims();
  const std::lock_guard lock(claims.mutex);
  claims.held.erase(id_);
}

}  // namespace kvcache
