// Which slots of a bucket carry a tag: eight at once and without a branch. A loop that left at the
// slot found would be mispredicted for most keys, and the processor would begin the next lookup
// only when this one's cache miss is over.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/sanitizers.h"

#if defined(__SSE2__) && !defined(KVCACHE_TSAN)
#include <emmintrin.h>
#endif

namespace kvcache {

inline constexpr int kTagShift = 48;  // a slot's highest 16 bits are its tag

// Bit i of the result: slots[i] has the tag. A hint: whoever follows it loads that slot again.
// `slots` are 8, at a multiple of 64 bytes.
inline unsigned MatchTags(const std::atomic<std::uint64_t>* slots, std::uint16_t tag) {
#if defined(__SSE2__) && !defined(KVCACHE_TSAN)
  // Vector loads are not atomic as a whole; each 8-byte lane is, and more is not needed.
  const auto* pairs = reinterpret_cast<const __m128i*>(slots);
  const auto tags = [&](int at) {  // of four slots, 32 bits each
    const __m128 low = _mm_castsi128_ps(_mm_load_si128(pairs + at));
    const __m128 high = _mm_castsi128_ps(_mm_load_si128(pairs + at + 1));
    const __m128i upper_words = _mm_castps_si128(_mm_shuffle_ps(low, high, 0b11'01'11'01));
    return _mm_srai_epi32(upper_words, kTagShift - 32);
  };
  const __m128i all = _mm_packs_epi32(tags(0), tags(2));  // 16 bits each: none is cut off
  const __m128i equal = _mm_cmpeq_epi16(all, _mm_set1_epi16(static_cast<std::int16_t>(tag)));
  return static_cast<std::uint8_t>(_mm_movemask_epi8(_mm_packs_epi16(equal, equal)));
#else
  unsigned matches = 0;
  for (unsigned i = 0; i < 8; ++i) {
    matches |= unsigned{slots[i].load(std::memory_order_relaxed) >> kTagShift == tag} << i;
  }
  return matches;
#endif
}

}  // namespace kvcache
