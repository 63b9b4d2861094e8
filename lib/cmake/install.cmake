# What `cmake --install` lays down for those who link kvcache: library, headers, and descriptions of
# both for CMake and pkg-config. The tree may be moved after installing.
include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/kvcache)

install(TARGETS kvcache EXPORT kvcacheTargets FILE_SET HEADERS)
install(EXPORT kvcacheTargets NAMESPACE kvcache:: DESTINATION ${package_dir})

configure_package_config_file(
  cmake/kvcacheConfig.cmake.in ${CMAKE_CURRENT_BINARY_DIR}/kvcacheConfig.cmake
  INSTALL_DESTINATION ${package_dir} NO_SET_AND_CHECK_MACRO)
# Before 1.0 a minor version may break what was.
write_basic_package_version_file(
  ${CMAKE_CURRENT_BINARY_DIR}/kvcacheConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/kvcacheConfig.cmake
              ${CMAKE_CURRENT_BINARY_DIR}/kvcacheConfigVersion.cmake DESTINATION ${package_dir})

# Who links a static kvcache links its dependencies too, with or without `pkg-config --static`.
get_target_property(type kvcache TYPE)
if(type STREQUAL "STATIC_LIBRARY")
  set(KVCACHE_PC_REQUIRES "Requires")
else()
  set(KVCACHE_PC_REQUIRES "Requires.private")
endif()
set(pkgconfig_dir ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
file(RELATIVE_PATH KVCACHE_PC_PREFIX "/prefix/${pkgconfig_dir}" "/prefix")
configure_file(cmake/kvcache.pc.in ${CMAKE_CURRENT_BINARY_DIR}/kvcache.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/kvcache.pc DESTINATION ${pkgconfig_dir})
