#include "linearizability/checker.h"

#include <algorithm>
#include <bit>
#include <stdexcept>
#include <utility>

namespace kvcache::testing {
namespace {

using Effect = Operation::Effect;

// Calls `use(i)` for every bit i that is set.
template <class Bits, class Use>
void ForEach(Bits bits, Use&& use) {
  for (; bits != 0; bits &= bits - 1) use(static_cast<std::size_t>(std::countr_zero(bits)));
}

std::size_t FirstOf(KeySet keys) { return static_cast<std::size_t>(std::countr_zero(keys)); }

constexpr std::uint64_t Bit(std::size_t slot) { return std::uint64_t{1} << slot; }

bool Fits(const Operation& read, const Versions& state) {
  bool fits = true;
  ForEach(read.keys, [&](std::size_t key) {
    fits = fits && (read.versions[key] == kSomething ? state[key] != kNothing
                                                     : state[key] == read.versions[key]);
  });
  return fits;
}

template <class T>
void SortUnique(std::vector<T>& items) {
  std::ranges::sort(items);
  const auto repeated = std::ranges::unique(items);
  items.erase(repeated.begin(), repeated.end());
}

struct Event {
  std::uint64_t at;
  std::size_t operation;
  bool returns;
};

std::vector<Event> EventsOf(std::span<const Operation> piece) {
  std::vector<Event> events;
  events.reserve(2 * piece.size());
  for (std::size_t i = 0; i < piece.size(); ++i) {
    events.push_back({piece[i].called, i, false});
    events.push_back({piece[i].returned, i, true});
  }
  // Where a call and a return are at one place, the call was first.
  std::ranges::sort(events, {},
                    [](const Event& event) { return std::pair(event.at, event.returns); });
  return events;
}

}  // namespace

Checker::Checker() {
  for (std::size_t key = 0; key < kMostKeys; ++key) {
    groups_[key] = {Only(key), 0, {Configuration()}};
    group_of_[key] = key;
  }
}

std::optional<std::size_t> Checker::Check(std::span<const Operation> piece) {
  std::vector<std::size_t> slot_of(piece.size());
  SlotSet used = 0;
  for (const Event& event : EventsOf(piece)) {
    std::size_t& slot = slot_of[event.operation];
    if (!event.returns) {
      slot = static_cast<std::size_t>(std::countr_one(used));
      if (slot == kMostUnderWay) throw std::length_error("too many operations at one moment");
      used |= Bit(slot);
      Call(piece[event.operation], slot);
    } else {
      used &= ~Bit(slot);
      if (!Return(slot)) return event.operation;
    }
  }
  return std::nullopt;
}

Checker::Group& Checker::GroupOf(KeySet keys) { return groups_[group_of_[FirstOf(keys)]]; }

void Checker::Call(const Operation& operation, std::size_t slot) {
  slots_[slot] = &operation;
  Group& group = GroupOf(operation.keys);
  ForEach(operation.keys, [&](std::size_t key) {
    if (!Has(group.keys, key)) Join(group, groups_[group_of_[key]]);
  });
  group.under_way |= Bit(slot);
  if (operation.writes()) return;
  for (Configuration& configuration : group.configurations) TakeReads(Bit(slot), configuration);
}

// The configurations in which the operation has taken effect, and where it failed those too in
// which it has not.
bool Checker::Return(std::size_t slot) {
  Group& group = GroupOf(slots_[slot]->keys);
  const SlotSet itself = Bit(slot);
  const SlotSet useful = Connected(group, slot);
  std::vector<Configuration> explained;
  std::vector<Configuration> open = std::move(group.configurations);
  if (slots_[slot]->effect == Effect::kMayWrite) {
    std::ranges::copy_if(open, std::back_inserter(explained),
                         [&](const Configuration& c) { return (c.done & itself) == 0; });
  }
  while (!open.empty()) {
    std::vector<Configuration> next;
    for (Configuration& configuration : open) {
      if ((configuration.done & itself) != 0) {
        configuration.done &= ~itself;
        explained.push_back(configuration);
        continue;
      }
      ForEach(useful & ~configuration.done, [&](std::size_t other) {
        if (!slots_[other]->writes()) return;
        Configuration& after = next.emplace_back(configuration);
        after.done |= Bit(other);
        ForEach(slots_[other]->keys,
                [&](std::size_t key) { after.state[key] = slots_[other]->versions[key]; });
        TakeReads(useful, after);
      });
    }
    SortUnique(next);
    open = std::move(next);
  }
  SortUnique(explained);
  most_configurations_ = std::max(most_configurations_, explained.size());
  group.configurations = std::move(explained);
  group.under_way &= ~itself;
  if (group.configurations.empty()) return false;
  Part(group.keys);
  return true;
}

void Checker::TakeReads(SlotSet under_way, Configuration& configuration) const {
  ForEach(under_way & ~configuration.done, [&](std::size_t slot) {
    const Operation& operation = *slots_[slot];
    if (!operation.writes() && Fits(operation, configuration.state)) {
      configuration.done |= Bit(slot);
    }
  });
}

Checker::SlotSet Checker::Touching(const Group& group, KeySet keys) const {
  SlotSet touching = 0;
  ForEach(group.under_way, [&](std::size_t slot) {
    if ((slots_[slot]->keys & keys) != 0) touching |= Bit(slot);
  });
  return touching;
}

// The operations under way that share a key with this one, or with one that does, and so on. Of all
// others it does not matter whether they come before it or after.
Checker::SlotSet Checker::Connected(const Group& group, std::size_t slot) const {
  KeySet keys = slots_[slot]->keys;
  for (;;) {
    const SlotSet touching = Touching(group, keys);
    KeySet more = keys;
    ForEach(touching, [&](std::size_t other) { more |= slots_[other]->keys; });
    if (more == keys) return touching;
    keys = more;
  }
}

void Checker::Join(Group& group, Group& other) {
  std::vector<Configuration> product;
  product.reserve(group.configurations.size() * other.configurations.size());
  for (const Configuration& a : group.configurations) {
    for (const Configuration& b : other.configurations) {
      Configuration& both = product.emplace_back(a);
      both.done |= b.done;
      ForEach(other.keys, [&](std::size_t key) { both.state[key] = b.state[key]; });
    }
  }
  ForEach(other.keys, [&](std::size_t key) {
    group_of_[key] = static_cast<std::size_t>(&group - groups_.data());
  });
  group.keys |= std::exchange(other.keys, 0);
  group.under_way |= std::exchange(other.under_way, 0);
  group.configurations = std::move(product);
  most_configurations_ = std::max(most_configurations_, group.configurations.size());
}

void Checker::Part(KeySet keys) {
  ForEach(keys, [&](std::size_t key) {
    Group& group = GroupOf(Only(key));
    if (group.keys != Only(key)) PartFrom(group, key);
  });
}

// Gives the key a group of its own, if it is independent of the others: no operation under way
// connects them, and each of its configurations goes with each of theirs.
void Checker::PartFrom(Group& group, std::size_t key) {
  const SlotSet its = Touching(group, Only(key));
  const KeySet others = group.keys & ~Only(key);
  if ((its & Touching(group, others)) != 0) return;
  std::vector<Configuration> own;
  std::vector<Configuration> rest;
  for (const Configuration& configuration : group.configurations) {
    Configuration& part = own.emplace_back();
    part.state[key] = configuration.state[key];
    part.done = configuration.done & its;
    Configuration& other = rest.emplace_back(configuration);
    other.state[key] = kNothing;
    other.done &= ~its;
  }
  SortUnique(own);
  SortUnique(rest);
  if (own.size() * rest.size() != group.configurations.size()) return;

  // A group lies at one of its keys: when that one leaves, the others move.
  const auto at = static_cast<std::size_t>(&group - groups_.data());
  const std::size_t rest_at = at == key ? FirstOf(others) : at;
  const SlotSet under_way = group.under_way;
  groups_[rest_at] = {others, under_way & ~its, std::move(rest)};
  groups_[key] = {Only(key), its, std::move(own)};
  ForEach(others, [&](std::size_t other) { group_of_[other] = rest_at; });
  group_of_[key] = key;
}

std::set<Versions> Checker::States() const {
  std::set<Versions> states{Versions{}};
  for (const Group& group : groups_) {
    if (group.keys == 0) continue;
    std::set<Versions> product;
    for (const Versions& state : states) {
      for (const Configuration& configuration : group.configurations) {
        Versions both = state;
        ForEach(group.keys, [&](std::size_t key) { both[key] = configuration.state[key]; });
        product.insert(both);
      }
    }
    states = std::move(product);
  }
  return states;
}

}  // namespace kvcache::testing
