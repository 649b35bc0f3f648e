list(APPEND RECAST_FORMAT_SOURCES
     torch/write/LongBytes.cpp
     torch/write/PickleEmitter.cpp
     torch/write/TorchFile.cpp
  torch/write/TorchWriter.cpp
     torch/write/WritableGlobals.cpp
     torch/write/ZipImage.cpp)
