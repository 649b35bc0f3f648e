list(APPEND RECAST_FORMAT_SOURCES
  deepspeed_universal/read/UniversalReader.cpp)
