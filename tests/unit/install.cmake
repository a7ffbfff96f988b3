# `cmake --install` puts the programs, the mortise-x86_64 symlink, the man
# pages and what comes with the lock checker under the prefix, honours DESTDIR, and what it installs runs.
#
#   cmake -DBINARY_DIR=... -DWORK_DIR=... -P install.cmake
cmake_minimum_required(VERSION 3.25)

function(check_installed ROOT)
  foreach(FILE bin/mortise bin/mortise-x86_64 bin/mortise-system-x86_64 share/man/man1/mortise.1 share/man/man1/mortise-user.1 share/man/man1/mortise-system.1
      bin/mortise-lockcheck share/man/man1/mortise-lockcheck.1 include/lockcheck.h
      share/cmake/MortiseLockcheck/MortiseLockcheckConfig.cmake)
    if(NOT EXISTS ${ROOT}/${FILE})
      message(FATAL_ERROR "${ROOT}/${FILE} is not installed")
    endif()
  endforeach()
  file(READ_SYMLINK ${ROOT}/bin/mortise-x86_64 TARGET)
  if(NOT "${TARGET}" STREQUAL "mortise")
    message(FATAL_ERROR "mortise-x86_64 points to ${TARGET}, not to mortise beside it")
  endif()
  foreach(NAME mortise mortise-x86_64 mortise-lockcheck)
    execute_process(COMMAND ${ROOT}/bin/${NAME} --version
      RESULT_VARIABLE STATUS OUTPUT_VARIABLE OUT ERROR_VARIABLE OUT)
    if(NOT STATUS EQUAL 0 OR NOT OUT MATCHES "[0-9]+\\.[0-9]+")
      message(FATAL_ERROR "${NAME} --version: status ${STATUS}, output: ${OUT}")
    endif()
  endforeach()
endfunction()

file(REMOVE_RECURSE ${WORK_DIR})
execute_process(COMMAND ${CMAKE_COMMAND} --install ${BINARY_DIR} --prefix ${WORK_DIR}/prefix
  COMMAND_ERROR_IS_FATAL ANY OUTPUT_QUIET)
check_installed(${WORK_DIR}/prefix)

execute_process(COMMAND ${CMAKE_COMMAND} -E env DESTDIR=${WORK_DIR}/stage
  ${CMAKE_COMMAND} --install ${BINARY_DIR} --prefix /opt/mortise
  COMMAND_ERROR_IS_FATAL ANY OUTPUT_QUIET)
check_installed(${WORK_DIR}/stage/opt/mortise)
if(EXISTS /opt/mortise/bin/mortise-x86_64 AND NOT EXISTS /opt/mortise/bin/mortise)
  message(FATAL_ERROR "the symlink was installed outside of DESTDIR")
endif()
