list(APPEND RECAST_FORMAT_SOURCES
     deepspeed_universal/write/FolderNames.cpp
     deepspeed_universal/write/OptimizerState.cpp
     deepspeed_universal/write/UniversalWriter.cpp)
