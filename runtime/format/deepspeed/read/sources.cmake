list(APPEND RECAST_FORMAT_SOURCES
  deepspeed/read/CrossCheck.cpp
  deepspeed/read/DeepSpeedReader.cpp
  deepspeed/read/FileNames.cpp
  deepspeed/read/FlatOrder.cpp
  deepspeed/read/Grid.cpp
  deepspeed/read/ModelStates.cpp
  deepspeed/read/ModuleTensors.cpp
  deepspeed/read/RankStates.cpp
  deepspeed/read/TagFolder.cpp)
