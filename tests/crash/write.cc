#include "write.h"

#include <algorithm>
#include <set>

namespace kvcache::testing {
namespace {

using Found = std::optional<std::string>;

Found Find(const Pairs& pairs, std::size_t key) {
  const auto found = pairs.find(KeyName(key));
  return found == pairs.end() ? Found() : Found(found->second);
}

std::string Shown(const Found& value) {
  return value ? value->substr(0, value->find_last_of(' ')) : "nothing";
}

// What one write makes of a key. The state before all of them counts as a write too.
struct Effect {
  const Write* write;
  Found value;
};

class Search {
 public:
  Search(const Pairs& before, const std::vector<Write>& writes, const Pairs& after)
      : after_(after), effects_(kKeys) {
    before_.name = "before";
    before_.end = 0;
    for (std::size_t key = 0; key < kKeys; ++key) {
      effects_[key].push_back({&before_, Find(before, key)});
    }
    for (const Write& write : writes) AddEffects(write);
  }

  std::vector<std::string> Run(const std::vector<Write>& writes) {
    for (std::size_t key = 0; key < kKeys; ++key) CheckKey(key);
    for (std::size_t group = 0; group < kGroups; ++group) CheckGroup(group);
    for (const Write& write : writes) CheckWhole(write);
    return problems_;
  }

 private:
  void AddEffects(const Write& write) {
    std::map<std::size_t, Found> last;
    for (const Step& step : write.steps) {
      for (std::size_t key = step.key; key < step.end; ++key) {
        last[key] = step.put ? Found(ValueOf(write.name, key)) : Found();
      }
    }
    for (const auto& [key, value] : last) effects_[key].push_back({&write, value});
  }

  // Whether what is found of the key can be what this write left.
  bool Explains(const Effect& effect, std::size_t key) const {
    if (effect.value != Find(after_, key)) return false;
    return std::ranges::none_of(effects_[key], [&](const Effect& later) {
      return later.write->acknowledged() && later.write->begin > effect.write->end;
    });
  }

  void CheckKey(std::size_t key) {
    if (std::ranges::any_of(effects_[key], [&](auto& effect) { return Explains(effect, key); })) {
      return;
    }
    std::string problem = KeyName(key) + " has " + Shown(Find(after_, key)) + "; acknowledged are";
    for (const auto& [write, value] : effects_[key]) {
      if (write->acknowledged()) problem += " " + write->name + (value ? "" : " (deletes)");
    }
    problems_.push_back(problem);
  }

  // A group is only ever written as a whole.
  void CheckGroup(std::size_t group) {
    std::set<std::string> sources;
    for (std::size_t i = 0; i < kGroupSize; ++i) {
      const Found value = Find(after_, GroupKey(group, i));
      sources.insert(value ? WriteIn(*value) : "nothing");
    }
    if (sources.size() < 2) return;
    std::string problem = "the group from " + KeyName(GroupKey(group, 0)) + " on is of";
    for (const std::string& source : sources) problem += " " + source;
    problems_.push_back(problem);
  }

  // Of a write of which one value is there, no key may have what is certainly older.
  void CheckWhole(const Write& write) {
    std::vector<std::size_t> missing;
    bool seen = false;
    for (const Step& step : write.steps) {
      for (std::size_t key = step.key; key < step.end; ++key) {
        const Found value = Find(after_, key);
        seen = seen || value == ValueOf(write.name, key);
        const bool can_be = std::ranges::any_of(effects_[key], [&](const Effect& effect) {
          return effect.value == value && effect.write->end > write.begin;
        });
        if (!can_be) missing.push_back(key);
      }
    }
    if (!seen || missing.empty()) return;
    problems_.push_back("of " + write.name + " " + KeyName(missing[0]) +
                        " is missing, and other keys are there");
  }

  Write before_;
  const Pairs& after_;
  std::vector<std::vector<Effect>> effects_;  // by key
  std::vector<std::string> problems_;
};

}  // namespace

std::vector<std::string> FindProblems(const Pairs& before, const std::vector<Write>& writes,
                                      const Pairs& after) {
  return Search(before, writes, after).Run(writes);
}

}  // namespace kvcache::testing
