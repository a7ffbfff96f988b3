# mortise_room(NAME [DEPENDS ROOM...]): the static library of src/NAME,
# built from every .c file directly in it. Rooms below `user` may run between
# two guest instructions with the guest's vector state live in the host's
# registers, so they are built without vector code (docs/architecture.md).
set(MORTISE_GENERAL_REGS_ROOMS locks rcu exec x86 x86sys)

function(mortise_room NAME)
  cmake_parse_arguments(ROOM "" "" "DEPENDS" ${ARGN})
  file(GLOB SOURCES CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${NAME}/*.c)
  add_library(mortise_${NAME} STATIC ${SOURCES})
  target_include_directories(mortise_${NAME} PUBLIC ${CMAKE_SOURCE_DIR}/src)
  target_link_libraries(mortise_${NAME} PUBLIC Threads::Threads PkgConfig::CK)
  foreach(DEP IN LISTS ROOM_DEPENDS)
    target_link_libraries(mortise_${NAME} PUBLIC mortise_${DEP})
  endforeach()
  if(NAME IN_LIST MORTISE_GENERAL_REGS_ROOMS AND NOT MORTISE_SANITIZE)
    target_compile_options(mortise_${NAME} PRIVATE -mgeneral-regs-only)
    # Its inline functions on doubles do not compile without optimisation.
    target_compile_definitions(mortise_${NAME} PRIVATE CK_PR_DISABLE_DOUBLE)
  endif()
  if(NAME STREQUAL "aio")
    target_link_libraries(mortise_${NAME} PUBLIC PkgConfig::URING PkgConfig::GLIB)
  endif()
  if(NAME STREQUAL "hw")
    target_link_libraries(mortise_${NAME} PUBLIC PkgConfig::PNG)
  endif()
  if(NAME STREQUAL "x86")
    target_link_libraries(mortise_${NAME} PUBLIC Zydis::Zydis)
  endif()
endfunction()

# mortise_room_objects(OUT ROOM SOURCE...): these objects of the room, for a test that
# wants its other sources to stay out. Compiled and analysed once, in the room.
function(mortise_room_objects OUT NAME)
  list(TRANSFORM ARGN REPLACE "\\.c$" "" OUTPUT_VARIABLE STEMS)
  foreach(STEM IN LISTS STEMS)
    if(NOT EXISTS ${CMAKE_SOURCE_DIR}/src/${NAME}/${STEM}.c)
      message(FATAL_ERROR "src/${NAME}/${STEM}.c: no such file")
    endif()
  endforeach()
  list(JOIN STEMS "|" STEMS)
  set(${OUT} "$<FILTER:$<TARGET_OBJECTS:mortise_${NAME}>,INCLUDE,/(${STEMS})\\.c\\.o$>" PARENT_SCOPE)
endfunction()
