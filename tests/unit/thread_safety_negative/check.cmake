# Compiles each .c file of this folder with clang and -Wthread-safety as errors.
# A line "/* expect: TEXT */" says that the compiler has to reject that file,
# with that text; a file without one has to compile.
#
#   cmake -DCLANG=clang-19 -DSOURCE_DIR=top/of/the/tree -P check.cmake
cmake_minimum_required(VERSION 3.25)

file(GLOB FILES ${CMAKE_CURRENT_LIST_DIR}/*.c)
set(FAILED "")
foreach(FILE IN LISTS FILES)
  get_filename_component(NAME ${FILE} NAME)
  file(STRINGS ${FILE} EXPECT REGEX "^/\\* expect: .* \\*/$")
  string(REGEX REPLACE "^/\\* expect: (.*) \\*/$" "\\1" EXPECT "${EXPECT}")
  execute_process(
    COMMAND ${CLANG} -std=c11 -D_GNU_SOURCE -fsyntax-only -I${SOURCE_DIR}/src
      -Wall -Wextra -Werror -Wthread-safety -Wthread-safety-beta
      -fexperimental-late-parse-attributes ${FILE}
    RESULT_VARIABLE RESULT ERROR_VARIABLE TEXT OUTPUT_QUIET)
  string(FIND "${TEXT}" "${EXPECT}" AT)
  string(FIND "${TEXT}" "[-Werror,-Wthread-safety" ANALYSIS)
  if("${EXPECT}" STREQUAL "")
    if(NOT RESULT EQUAL 0)
      list(APPEND FAILED "${NAME}: expected to compile, but:\n${TEXT}")
    endif()
  elseif(RESULT EQUAL 0)
    list(APPEND FAILED "${NAME}: expected \"${EXPECT}\", but it compiled")
  elseif(AT EQUAL -1 OR ANALYSIS EQUAL -1)
    list(APPEND FAILED "${NAME}: expected \"${EXPECT}\", but:\n${TEXT}")
  endif()
  message(STATUS "${NAME}: ${EXPECT}")
endforeach()

list(LENGTH FILES COUNT)
if(COUNT LESS 12)
  list(APPEND FAILED "only ${COUNT} files were found")
endif()
if(FAILED)
  list(JOIN FAILED "\n" FAILED)
  message(FATAL_ERROR "${FAILED}")
endif()
