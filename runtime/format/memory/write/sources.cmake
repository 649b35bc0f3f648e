list(APPEND RECAST_FORMAT_SOURCES
     memory/write/MemoryWriter.cpp)
