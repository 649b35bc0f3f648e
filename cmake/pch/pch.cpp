// Carrier of the precompiled header; see cmake/RecastTargets.cmake.
