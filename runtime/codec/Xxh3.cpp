#include "runtime/codec/Xxh3.h"

// Inlined it would be compiled for SSE2; the library's own copies are chosen by the processor.
#define XXH_STATIC_LINKING_ONLY
#if defined(__x86_64__) && __has_include(<xxh_x86dispatch.h>)
#include <xxh_x86dispatch.h> // Its names replace those of xxhash.h.
#else
#include <xxhash.h>
#endif

namespace recast::codec {

struct Xxh3Stream::State {
  XXH3_state_t xxh; // Asks for 64-byte alignment, which operator new honours.
};

uint64_t xxh3(const void *data, size_t size) { return XXH3_64bits(data, size); }

Xxh3Stream::Xxh3Stream() : state_(std::make_unique<State>()) { reset(); }
Xxh3Stream::~Xxh3Stream() = default;
Xxh3Stream::Xxh3Stream(Xxh3Stream &&) noexcept = default;
Xxh3Stream &Xxh3Stream::operator=(Xxh3Stream &&) noexcept = default;

void Xxh3Stream::reset() { XXH3_64bits_reset(&state_->xxh); }
void Xxh3Stream::update(const void *data, size_t size) {
  XXH3_64bits_update(&state_->xxh, data, size);
}
uint64_t Xxh3Stream::digest() const { return XXH3_64bits_digest(&state_->xxh); }

} // namespace recast::codec
