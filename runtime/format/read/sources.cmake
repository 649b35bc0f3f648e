list(APPEND RECAST_FORMAT_SOURCES
  Detect.cpp
  ReadInventory.cpp
  read/ConfigFile.cpp
  read/LfsPointer.cpp
  read/ModelFolder.cpp
  read/ShardIndex.cpp
  read/Values.cpp)
