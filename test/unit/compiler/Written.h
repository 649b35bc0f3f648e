// What an executed plan left on the disk, tensor by tensor.
#pragma once

#include "compiler/Interpret/Oracle.h"
#include "runtime/capi/Instantiate.h"
#include "runtime/io/File.h"

#include <gtest/gtest.h>

namespace recast::fixtures {

/// Bytes of every tensor that the run wrote, read back from where the file images put them.
inline std::map<compiler::OracleKey, std::string> writtenTensors(const plan::Plan &plan) {
  std::map<compiler::OracleKey, std::string> out;
  for (uint32_t t = 0; t < plan.targets.size(); ++t) {
    auto images = format::makeImages(plan, t);
    EXPECT_TRUE(images) << images.error().str();
    for (const format::FileImage &image : images->writer->images()) {
      auto bytes = io::readWhole(plan.targets[t].path + "/" + image.path(), uint64_t{1} << 30);
      EXPECT_TRUE(bytes) << bytes.error().str();
      for (const format::TensorSlot &slot : images->writer->templateOf(image).tensors) {
        const format::TargetTensor tensor =
            images->writer->tensors()[image.firstTensor + slot.tensor];
        out[{plan.targets[t].name, std::string(tensor.role), std::string(tensor.name)}] =
            bytes->substr(slot.offset, slot.bytes);
      }
    }
  }
  return out;
}

} // namespace recast::fixtures
