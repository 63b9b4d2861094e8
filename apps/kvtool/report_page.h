// The page that a report's data go into, made of report.html, report.css and report.js.
#pragma once

#include <string_view>

namespace kvcache::kvtool {

extern const std::string_view kReportPage;

}  // namespace kvcache::kvtool
