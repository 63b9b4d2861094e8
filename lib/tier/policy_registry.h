// The registry of policies: parsing, help, error texts, tests and benchmarks all read it.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "kvcache/error.h"
#include "kvcache/policy.h"

namespace kvcache {

// A policy as named by a user: its registry row and the values of all its parameters.
struct PolicySpec {
  PolicyInfo info;
  std::vector<double> values;

  std::unique_ptr<Policy> Make(const PolicyContext& context) const {
    return info.make(context, values);
  }
  // "lru-k:k=2,history=1"; a policy without parameters by its name.
  std::string ToString() const;
};

// "lru-k" or "lru-k:k=3,history=0". Errors: kInvalidArgument, naming what exists.
Result<PolicySpec> ParsePolicy(std::string_view text);

}  // namespace kvcache
