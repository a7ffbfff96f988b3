# Rooms that run while the guest's vector registers are live are compiled without such
# registers, but the C library is not: what copies, compares or prints there takes them.
# So each call from those rooms to a function of that kind, whoever wrote it or the compiler
# out of an assignment, has a line with its reason in vector_calls.supp.
#
#   cmake -DNM=... -DROOMS=a,b -DARCHIVE_DIR=... -DSUPP=... -P vector_calls.cmake
#   cmake -DSELF_TEST=1 -P vector_calls.cmake              checks this check
cmake_minimum_required(VERSION 3.25)

set(FUNCTIONS "_*(mem(cpy|pcpy|ccpy|move|set|cmp|chr|rchr|mem)|str[a-z0-9]+|bcmp|bzero|[a-z]*printf)(_chk)?")

# Sets FOUND to what is wrong: calls of ROOM's archive, as nm -A -u prints them in LINES,
# that LISTED does not have; and sets USED to those that it has.
function(check_room ROOM LINES LISTED)
  set(FOUND "")
  set(USED "")
  foreach(LINE IN LISTS LINES)
    if(LINE MATCHES ":([a-z0-9_]+\\.c)\\.o: +U (${FUNCTIONS})$")
      set(CALL "src/${ROOM}/${CMAKE_MATCH_1}:${CMAKE_MATCH_2}")
      if(CALL IN_LIST LISTED)
        list(APPEND USED ${CALL})
      else()
        list(APPEND FOUND "${CALL}: the C library may use vector registers, which may be the guest's here")
      endif()
    endif()
  endforeach()
  set(FOUND ${FOUND} PARENT_SCOPE)
  set(USED ${USED} PARENT_SCOPE)
endfunction()

function(expect NAME LINE EXPECTED)
  check_room(x86sys "${LINE}" "src/x86sys/known.c:memcpy")
  if(NOT "${FOUND}|${USED}" MATCHES "^${EXPECTED}$")
    message(FATAL_ERROR "self-test ${NAME}: expected \"${EXPECTED}\", found \"${FOUND}|${USED}\"")
  endif()
endfunction()

if(SELF_TEST)
  expect(new "libmortise_x86sys.a:mwait.c.o:                 U memcmp" "src/x86sys/mwait.c:memcmp: .*[|]")
  expect(known "libmortise_x86sys.a:known.c.o:                 U memcpy" "[|]src/x86sys/known.c:memcpy")
  expect(other "libmortise_x86sys.a:known.c.o:                 U memset" "src/x86sys/known.c:memset: .*[|]")
  expect(checked "a:b.c.o:                 U __vsnprintf_chk" "src/x86sys/b.c:__vsnprintf_chk: .*[|]")
  expect(ours "a:b.c.o:                 U memory_ram_written" "[|]")
  return()
endif()

file(STRINGS ${SUPP} LISTED REGEX "^[^#]")
set(BAD "")
set(ALL_USED "")
string(REPLACE "," ";" ROOMS ${ROOMS})
foreach(ROOM IN LISTS ROOMS)
  execute_process(COMMAND ${NM} -A -u ${ARCHIVE_DIR}/libmortise_${ROOM}.a
    OUTPUT_VARIABLE OUT RESULT_VARIABLE RESULT)
  if(NOT RESULT EQUAL 0)
    message(FATAL_ERROR "${NM} cannot read libmortise_${ROOM}.a")
  endif()
  string(REPLACE "\n" ";" LINES "${OUT}")
  check_room(${ROOM} "${LINES}" "${LISTED}")
  list(APPEND BAD ${FOUND})
  list(APPEND ALL_USED ${USED})
endforeach()
foreach(CALL IN LISTS LISTED)
  if(NOT CALL IN_LIST ALL_USED)
    list(APPEND BAD "${CALL}: no such call any more, in ${SUPP}")
  endif()
endforeach()
if(BAD)
  list(JOIN BAD "\n  " BAD)
  message(FATAL_ERROR "calls out of rooms that run with the guest's vector registers live:\n  ${BAD}")
endif()
