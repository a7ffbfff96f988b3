# mortise_lockcheck(TARGET...): checks the locking of whole programs.
#
#   find_package(MortiseLockcheck REQUIRED)      # or include(MortiseLockcheck)
#   add_executable(server ...)
#   mortise_lockcheck(server)                    # cmake --build . --target server-lockcheck
#
# The program is what the target is linked from: its own sources and those of
# the project's libraries below it. Options:
#
#   NAME name            the name of the target that is made (default: TARGET-lockcheck)
#   CONFIG file          default: .lockcheck beside the top CMakeLists.txt, if there is one
#   SUPPRESSIONS file
#   EXCLUDE glob...      sources to leave out
#   SARIF file           JSON file           SVG file
#   OPTIONS option...    anything else that mortise-lockcheck takes
#   ALL                  part of the default target: a finding fails the build
#
# Header: the annotations come with the target MortiseLockcheck::annotations
# (#include <lockcheck.h>).
cmake_minimum_required(VERSION 3.20)

set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
find_program(MORTISE_LOCKCHECK mortise-lockcheck
  HINTS ${CMAKE_CURRENT_LIST_DIR}/../../../bin DOC "the lock checker")
if(NOT TARGET MortiseLockcheck::annotations)
  add_library(MortiseLockcheck::annotations INTERFACE IMPORTED)
  foreach(DIR ${CMAKE_CURRENT_LIST_DIR}/../../../include ${CMAKE_CURRENT_LIST_DIR}/../analysis/include)
    if(EXISTS ${DIR}/lockcheck.h)
      target_include_directories(MortiseLockcheck::annotations INTERFACE ${DIR})
    endif()
  endforeach()
endif()

# All C sources of the target and of the libraries below it into OUT.
function(_mortise_lockcheck_sources OUT)
  set(QUEUE ${ARGN})
  set(SEEN)
  set(FILES)
  while(QUEUE)
    list(POP_FRONT QUEUE ONE)
    string(REGEX REPLACE "^\\$<LINK_ONLY:(.*)>$" "\\1" ONE "${ONE}")
    if(ONE IN_LIST SEEN OR NOT TARGET "${ONE}")
      continue()
    endif()
    list(APPEND SEEN ${ONE})
    get_target_property(ALIASED ${ONE} ALIASED_TARGET)
    if(ALIASED)
      list(APPEND QUEUE ${ALIASED})
      continue()
    endif()
    get_target_property(IMPORTED ${ONE} IMPORTED)
    get_target_property(LINKED ${ONE} INTERFACE_LINK_LIBRARIES)
    if(NOT IMPORTED)
      get_target_property(TYPE ${ONE} TYPE)
      if(NOT TYPE STREQUAL "INTERFACE_LIBRARY")
        get_target_property(PRIVATE_LINKED ${ONE} LINK_LIBRARIES)
        list(APPEND LINKED ${PRIVATE_LINKED})
        set_target_properties(${ONE} PROPERTIES EXPORT_COMPILE_COMMANDS ON)
      endif()
      get_target_property(DIR ${ONE} SOURCE_DIR)
      get_target_property(SOURCES ${ONE} SOURCES)
      foreach(SOURCE IN LISTS SOURCES)
        if(SOURCE MATCHES "^\\$<TARGET_OBJECTS:(.*)>$")
          list(APPEND QUEUE ${CMAKE_MATCH_1})
        elseif(SOURCE MATCHES "\\.c$")
          get_filename_component(SOURCE ${SOURCE} ABSOLUTE BASE_DIR ${DIR})
          list(APPEND FILES ${SOURCE})
        endif()
      endforeach()
    endif()
    foreach(LIBRARY IN LISTS LINKED)
      if(LIBRARY) # not ...-NOTFOUND, which would end the loop
        list(APPEND QUEUE ${LIBRARY})
      endif()
    endforeach()
  endwhile()
  list(REMOVE_DUPLICATES FILES)
  set(${OUT} ${FILES} PARENT_SCOPE)
endfunction()

# Called when all of the project's targets are there.
function(_mortise_lockcheck_add TARGETS NAME ALL ARGUMENTS)
  _mortise_lockcheck_sources(FILES ${TARGETS})
  if(NOT FILES)
    message(FATAL_ERROR "mortise_lockcheck(${TARGETS}): there are no C sources in it")
  endif()
  # By a file: a command line has its limits.
  list(JOIN FILES "\n" LINES)
  set(LIST ${CMAKE_BINARY_DIR}/CMakeFiles/${NAME}.files)
  file(GENERATE OUTPUT ${LIST} CONTENT "${LINES}\n")
  add_custom_target(${NAME} ${ALL}
    COMMAND ${MORTISE_LOCKCHECK} -p ${CMAKE_BINARY_DIR} ${ARGUMENTS} @${LIST}
    WORKING_DIRECTORY ${CMAKE_SOURCE_DIR}
    COMMENT "Checking the locking of ${TARGETS}" VERBATIM USES_TERMINAL)
endfunction()

function(mortise_lockcheck)
  cmake_parse_arguments(LOCKCHECK "ALL" "NAME;CONFIG;SUPPRESSIONS;SARIF;JSON;SVG" "EXCLUDE;OPTIONS" ${ARGN})
  set(TARGETS ${LOCKCHECK_UNPARSED_ARGUMENTS})
  if(NOT TARGETS)
    message(FATAL_ERROR "mortise_lockcheck: which target?")
  endif()
  if(NOT MORTISE_LOCKCHECK)
    message(WARNING "mortise-lockcheck is not installed; ${TARGETS} will not be checked")
    return()
  endif()
  list(GET TARGETS 0 FIRST)
  if(NOT LOCKCHECK_NAME)
    set(LOCKCHECK_NAME ${FIRST}-lockcheck)
  endif()
  set(ALL)
  if(LOCKCHECK_ALL)
    set(ALL ALL)
  endif()
  set(ARGUMENTS ${LOCKCHECK_OPTIONS})
  foreach(KEY CONFIG SUPPRESSIONS SARIF JSON SVG)
    if(LOCKCHECK_${KEY})
      string(TOLOWER ${KEY} OPTION)
      set(BASE ${CMAKE_CURRENT_BINARY_DIR})
      if(KEY STREQUAL "CONFIG" OR KEY STREQUAL "SUPPRESSIONS")
        set(BASE ${CMAKE_CURRENT_SOURCE_DIR})
      endif()
      get_filename_component(FILE ${LOCKCHECK_${KEY}} ABSOLUTE BASE_DIR ${BASE})
      list(APPEND ARGUMENTS --${OPTION} ${FILE})
    endif()
  endforeach()
  foreach(GLOB IN LISTS LOCKCHECK_EXCLUDE)
    list(APPEND ARGUMENTS --exclude ${GLOB})
  endforeach()
  cmake_language(EVAL CODE "cmake_language(DEFER DIRECTORY [[${CMAKE_SOURCE_DIR}]] CALL
    _mortise_lockcheck_add [[${TARGETS}]] [[${LOCKCHECK_NAME}]] [[${ALL}]] [[${ARGUMENTS}]])")
endfunction()
