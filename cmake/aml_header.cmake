# AML file to C header; see aml.cmake.
file(READ ${AML} BYTES HEX)
string(REGEX REPLACE "(..)" "0x\\1," BYTES "${BYTES}")
string(REGEX REPLACE "(0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,)" "    \\1\n" BYTES "${BYTES}")
file(WRITE ${HEADER} "#include <stdint.h>\n\nstatic const uint8_t ${NAME}_aml[] = {\n${BYTES}\n};\n")
