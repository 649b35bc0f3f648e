list(APPEND RECAST_FORMAT_SOURCES
     safetensors/write/SafetensorsWriter.cpp)
