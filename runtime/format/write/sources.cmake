list(APPEND RECAST_FORMAT_SOURCES write/Shards.cpp)
