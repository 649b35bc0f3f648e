list(APPEND RECAST_FORMAT_SOURCES
  deepspeed/read/Assignment.cpp
  deepspeed/read/CrossCheck.cpp
  deepspeed/read/DeepSpeedReader.cpp
  deepspeed/read/FileNames.cpp
  deepspeed/read/FlatOrder.cpp
  deepspeed/read/FlatTensors.cpp
  deepspeed/read/Grid.cpp
  deepspeed/read/ModelStates.cpp
  deepspeed/read/ModuleTensors.cpp
  deepspeed/read/ParameterGroups.cpp
  deepspeed/read/ParameterNames.cpp
  deepspeed/read/RankStates.cpp
  deepspeed/read/ReplicatedOptimizer.cpp
  deepspeed/read/ReplicatedTensors.cpp
  deepspeed/read/TagFolder.cpp
  deepspeed/read/Unreadable.cpp)
