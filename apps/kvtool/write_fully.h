// Writing to a descriptor until nothing is left.
#pragma once

#include <string_view>

namespace kvcache::kvtool {

// Goes on where a signal interrupted it. If false, errno has the reason.
bool WriteFully(int descriptor, std::string_view bytes);

}  // namespace kvcache::kvtool
