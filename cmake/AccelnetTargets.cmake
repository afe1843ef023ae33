# One function for each kind of thing that this project builds.

# accelnet_room(NAME SOURCES a.c b.c [DEPS room ...] [LINK target ...])
#
# A room is a static library, accelnet_NAME, whose headers are included as "room/file.h".
# DEPS are the rooms it may include; scripts/check-layers.py holds the order.
function(accelnet_room name)
    cmake_parse_arguments(ROOM "" "" "SOURCES;DEPS;LINK" ${ARGN})
    add_library(accelnet_${name} STATIC ${ROOM_SOURCES})
    target_include_directories(accelnet_${name} PUBLIC
        ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/include)
    list(TRANSFORM ROOM_DEPS PREPEND accelnet_)
    target_link_libraries(accelnet_${name} PUBLIC ${ROOM_DEPS} ${ROOM_LINK})
endfunction()

# accelnet_test(NAME SOURCES a.c [LINK target ...] [LABELS unit|property|component|...]
#               [TIMEOUT seconds])
#
# A CMocka program, registered with CTest. Exit status 77 means skipped.
function(accelnet_test name)
    cmake_parse_arguments(T "" "TIMEOUT" "SOURCES;LINK;LABELS" ${ARGN})
    add_executable(test_${name} ${T_SOURCES})
    target_link_libraries(test_${name} PRIVATE ${T_LINK} PkgConfig::CMOCKA)
    target_compile_definitions(test_${name} PRIVATE
        ACCELNET_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
    set_target_properties(test_${name} PROPERTIES
        RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
    if(NOT T_TIMEOUT)
        set(T_TIMEOUT 120)
    endif()
    if(NOT T_LABELS)
        set(T_LABELS unit)
    endif()
    add_test(NAME ${name} COMMAND test_${name})
    set_tests_properties(${name} PROPERTIES
        SKIP_RETURN_CODE 77 TIMEOUT ${T_TIMEOUT} LABELS "${T_LABELS}")
endfunction()

# accelnet_fuzz(NAME SOURCES a.c [LINK target ...]): a libFuzzer target, with preset "fuzz" only.
# Its seed corpus is tests/fuzz/corpus/NAME/.
function(accelnet_fuzz name)
    if(NOT ACCELNET_FUZZ)
        return()
    endif()
    cmake_parse_arguments(F "" "" "SOURCES;LINK" ${ARGN})
    add_executable(fuzz_${name} ${F_SOURCES})
    target_link_libraries(fuzz_${name} PRIVATE ${F_LINK})
    target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
    set_target_properties(fuzz_${name} PROPERTIES
        RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/fuzz)
endfunction()
