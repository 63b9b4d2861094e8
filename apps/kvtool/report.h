// Reports: miss ratios as one page for a browser, which needs nothing but itself.
#pragma once

#include <string>
#include <vector>

#include "outcome.h"
#include "pictures.h"

namespace kvcache::kvtool {

// Whether `path` is a name for a report, one that a browser takes for a page: .html or .htm.
Outcome<void> CheckReport(const std::string& path);

// The page shows curves and tables of each trace and how they were made, `arguments` being those
// that kvtool was called with. The file appears when it is complete; an existing one is replaced
// only if `force`.
Outcome<void> WriteReport(const std::vector<RatioCurves>& traces, SizeUnit unit,
                          const std::vector<std::string>& arguments, const std::string& path,
                          bool force);

}  // namespace kvcache::kvtool
