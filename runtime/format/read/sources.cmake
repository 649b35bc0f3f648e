list(APPEND RECAST_FORMAT_SOURCES
  Printable.cpp
  read/Values.cpp)
