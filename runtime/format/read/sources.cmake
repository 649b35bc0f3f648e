list(APPEND RECAST_FORMAT_SOURCES
  Detect.cpp
  Printable.cpp
  ReadInventory.cpp
  read/Values.cpp)
