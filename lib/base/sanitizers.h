// KVCACHE_TSAN: built with ThreadSanitizer, which does not know barriers and loads that other
// builds rest on.
#pragma once

#if defined(__SANITIZE_THREAD__)
#define KVCACHE_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define KVCACHE_TSAN 1
#endif
#endif
