# Language level, warnings, sanitizers: the same for every target.

set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

set(ACCELNET_SANITIZE "" CACHE STRING "Value of -fsanitize=, empty for none")
option(ACCELNET_FUZZ "Build the fuzz targets (needs clang)" OFF)
option(ACCELNET_WERROR "Warnings are errors" ON)

add_compile_definitions(_GNU_SOURCE)
add_compile_options(
    -Wall -Wextra -Wshadow -Wvla -Wmissing-prototypes -Wstrict-prototypes -Wpointer-arith
    -Wwrite-strings -Wundef -Wno-missing-field-initializers -fno-strict-aliasing
    -fno-common -fstack-protector-strong)
if(ACCELNET_WERROR)
    add_compile_options(-Werror)
endif()

if(ACCELNET_SANITIZE)
    add_compile_options(-fsanitize=${ACCELNET_SANITIZE} -fno-omit-frame-pointer)
    add_link_options(-fsanitize=${ACCELNET_SANITIZE})
    if(ACCELNET_SANITIZE MATCHES "thread")
        # gcc says that ThreadSanitizer cannot see fences; those of the frame ring order a store
        # against a load, which is no access that could race
        add_compile_options($<$<C_COMPILER_ID:GNU>:-Wno-tsan>)
    endif()
    if(ACCELNET_SANITIZE MATCHES "undefined")
        add_compile_options(-fno-sanitize-recover=undefined)
    endif()
endif()
if(ACCELNET_FUZZ)
    add_compile_options(-fsanitize=fuzzer-no-link)
endif()

# -march stays at DPDK's own floor (the pkg-config flags); wider SIMD is chosen at run time,
# file by file, with target attributes.
