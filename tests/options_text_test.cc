#include "store/options_text.h"

#include <doctest/doctest.h>

#include <string>
#include <string_view>

namespace kvcache {
namespace {

// "family option name; ..."
std::string Named(std::string_view options_text) {
  std::string text;
  for (const NamedObject& object : NamedObjects(options_text)) {
    text += object.family + " " + object.option + " " + object.name + "; ";
  }
  return text;
}

TEST_CASE("the objects that an OPTIONS file names are found, family by family") {
  CHECK(Named(R"(# comparator=of a comment
[Version]
  rocksdb_version=7.8.3
[DBOptions]
  comparator=of no family

[CFOptions "default"]
  compaction_filter=nullptr
  merge_operator={id=StringAppendOperator;delimiter=,;}
  comparator=leveldb.BytewiseComparator
  comparator_of_another_name=x
  compaction_filter_factory={id=TtlCompactionFilterFactory;user_filter_factory=nullptr;ttl=3600;}
  write_buffer_size=67108864

[TableOptions/BlockBasedTable "default"]
  comparator=of a table
[CFOptions "a b"]
merge_operator = {id= Max }
  compaction_filter=	Filter	
  comparator=)") ==
        "default merge_operator StringAppendOperator; "
        "default comparator leveldb.BytewiseComparator; "
        "default compaction_filter_factory TtlCompactionFilterFactory; "
        "a b merge_operator Max; a b compaction_filter Filter; ");
}

TEST_CASE("texts that are no OPTIONS files name nothing") {
  CHECK(Named("") == "");
  CHECK(Named("\n\n[\n=\n[CFOptions \n[CFOptions \"\n") == "");
  CHECK(Named("[CFOptions \"\"]\ncomparator=x") == "");
  CHECK(Named("[CFOptions \"default\"]\ncomparator\nmerge_operator=\n=x\n") == "");
}

}  // namespace
}  // namespace kvcache
