// The judge of crashed databases: it finds each kind of loss, and nothing where there is none.
#include "write.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace kvcache::testing {
namespace {

Step Put(std::size_t key) {
  const auto number = static_cast<std::uint16_t>(key);
  return {true, number, static_cast<std::uint16_t>(number + 1)};
}
Step Delete(std::size_t from, std::size_t to) {
  return {false, static_cast<std::uint16_t>(from), static_cast<std::uint16_t>(to)};
}

// Keys and the writes whose values they have.
Pairs With(const std::vector<std::pair<std::size_t, std::string>>& keys) {
  Pairs pairs;
  for (const auto& [key, write] : keys) pairs[KeyName(key)] = ValueOf(write, key);
  return pairs;
}

std::string Problems(const Pairs& before, const std::vector<Write>& writes, const Pairs& after) {
  std::string text;
  for (const std::string& problem : FindProblems(before, writes, after)) text += problem + "; ";
  return text;
}

const std::vector<Write> kTwoPuts = {{"a", 1, 2, {Put(7)}}, {"b", 3, 4, {Put(7)}}};

TEST_CASE("a write that is there, or a later or crossing one, is right") {
  CHECK(Problems({}, kTwoPuts, With({{7, "b"}})) == "");
  CHECK(Problems(With({{9, "old"}}), kTwoPuts, With({{7, "b"}, {9, "old"}})) == "");
  const std::vector<Write> crossing = {{"a", 1, 4, {Put(7)}}, {"b", 2, 3, {Put(7)}}};
  CHECK(Problems({}, crossing, With({{7, "a"}})) == "");
  CHECK(Problems({}, crossing, With({{7, "b"}})) == "");
  const std::vector<Write> cut_off = {{"a", 1, 2, {Put(7)}}, {"b", 3, kNever, {Put(7)}}};
  CHECK(Problems({}, cut_off, With({{7, "a"}})) == "");
  CHECK(Problems({}, cut_off, With({{7, "b"}})) == "");
}

TEST_CASE("acknowledged writes that are lost are found") {
  CHECK(Problems({}, kTwoPuts, {}) == "k0007 has nothing; acknowledged are before (deletes) a b; ");
  CHECK(Problems({}, kTwoPuts, With({{7, "a"}})).starts_with("k0007 has k0007 a; "));
  const std::vector<Write> deleted = {{"d", 1, 2, {Delete(5, 9)}}};
  CHECK(Problems(With({{7, "old"}}), deleted, {}) == "");
  CHECK(Problems(With({{7, "old"}}), deleted, With({{7, "old"}})).starts_with("k0007 has k0007 o"));
}

TEST_CASE("what nobody wrote is found") {
  CHECK(Problems({}, kTwoPuts, With({{7, "b"}, {8, "b"}})).starts_with("k0008 has k0008 b; "));
  Pairs torn = With({{7, "b"}});
  torn.begin()->second.pop_back();
  CHECK(Problems({}, kTwoPuts, torn).starts_with("k0007 has k0007 b; "));
}

TEST_CASE("half a batch is found, acknowledged or not") {
  std::vector<Write> batch = {{"a", 1, kNever, {Put(1), Put(2), Delete(3, 5)}}};
  const Pairs before = With({{3, "old"}});
  CHECK(Problems(before, batch, With({{1, "a"}, {2, "a"}})) == "");
  CHECK(Problems(before, batch, before) == "");
  const std::string half = "of a k0003 is missing, and other keys are there; ";
  CHECK(Problems(before, batch, With({{1, "a"}, {2, "a"}, {3, "old"}})) == half);
  CHECK(Problems(before, batch, With({{1, "a"}})) ==
        "of a k0002 is missing, and other keys are there; ");
  // Overwritten since, or perhaps so, is not missing.
  batch.push_back({"b", 2, 3, {Put(2)}});
  CHECK(Problems(before, batch, With({{1, "a"}, {2, "b"}})) == "");
}

TEST_CASE("a group of two writes is found, even of crossing ones") {
  std::vector<Write> whole(2);
  for (std::size_t i = 0; i < 2; ++i) {
    whole[i] = {i == 0 ? "a" : "b", 1 + i, kNever, {}};
    for (std::size_t j = 0; j < kGroupSize; ++j) whole[i].steps.push_back(Put(GroupKey(2, j)));
  }
  Pairs group;
  for (std::size_t j = 0; j < kGroupSize; ++j) group.merge(With({{GroupKey(2, j), "a"}}));
  CHECK(Problems({}, whole, group) == "");
  group[KeyName(GroupKey(2, 1))] = ValueOf("b", GroupKey(2, 1));
  CHECK(Problems({}, whole, group) == "the group from k0208 on is of a b; ");
}

}  // namespace
}  // namespace kvcache::testing
