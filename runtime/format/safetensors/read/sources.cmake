list(APPEND RECAST_FORMAT_SOURCES
     safetensors/read/SafetensorsHeader.cpp
     safetensors/read/SafetensorsReader.cpp)
