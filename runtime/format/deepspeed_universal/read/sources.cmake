list(APPEND RECAST_FORMAT_SOURCES
  deepspeed_universal/read/AtomFile.cpp
  deepspeed_universal/read/OptimizerStateFile.cpp
  deepspeed_universal/read/UniversalReader.cpp)
