list(APPEND RECAST_FORMAT_SOURCES
  torch/read/InventoryBuilder.cpp
  torch/read/KnownGlobals.cpp
  torch/read/Pickle.cpp
  torch/read/PickleCalls.cpp
  torch/read/PickleOpcodes.cpp
  torch/read/PickleTree.cpp
  torch/read/SingleFile.cpp
  torch/read/StateDict.cpp
  torch/read/StreamFile.cpp
  torch/read/TorchFile.cpp
  torch/read/ViewLayout.cpp
  torch/read/TorchReader.cpp
  torch/read/ZipDirectory.cpp)
