// Headers that nearly every unit test includes.
#include "cmake/pch/base.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <random>
#include <sstream>
