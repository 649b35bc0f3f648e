list(APPEND RECAST_FORMAT_SOURCES
  Detect.cpp
  ReadInventory.cpp
  read/Values.cpp)
