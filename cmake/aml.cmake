# mortise_aml(ROOM NAME): compiles src/ROOM/NAME.asl with iasl and makes
# ROOM/NAME_aml.h of it, with the constant array NAME_aml.
find_program(IASL iasl REQUIRED)

# All of them, for what reads sources without building.
add_custom_target(mortise_aml)

function(mortise_aml ROOM NAME)
  set(DIR ${CMAKE_BINARY_DIR}/generated/${ROOM})
  set(SOURCE ${CMAKE_SOURCE_DIR}/src/${ROOM}/${NAME}.asl)
  add_custom_command(OUTPUT ${DIR}/${NAME}_aml.h
    COMMAND ${CMAKE_COMMAND} -E make_directory ${DIR}
    COMMAND ${IASL} -vs -we -p ${DIR}/${NAME} ${SOURCE} > ${DIR}/${NAME}.log
    COMMAND ${CMAKE_COMMAND} -DAML=${DIR}/${NAME}.aml -DHEADER=${DIR}/${NAME}_aml.h -DNAME=${NAME}
            -P ${CMAKE_SOURCE_DIR}/cmake/aml_header.cmake
    DEPENDS ${SOURCE} ${CMAKE_SOURCE_DIR}/cmake/aml_header.cmake
    VERBATIM)
  add_custom_target(mortise_aml_${NAME} DEPENDS ${DIR}/${NAME}_aml.h)
  add_dependencies(mortise_${ROOM} mortise_aml_${NAME})
  add_dependencies(mortise_aml mortise_aml_${NAME})
  target_include_directories(mortise_${ROOM} PRIVATE ${CMAKE_BINARY_DIR}/generated)
endfunction()
