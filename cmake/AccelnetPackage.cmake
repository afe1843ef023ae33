# What is installed beside the programs, and the Debian package: cd build && cpack -G DEB

file(GLOB ACCELNET_MAN CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/docs/man/*.[158])
foreach(page ${ACCELNET_MAN})
    string(REGEX REPLACE ".*\\.([158])$" "\\1" section ${page})
    install(FILES ${page} DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section})
endforeach()
install(FILES config/accelnetd.service DESTINATION lib/systemd/system)
install(FILES config/accelnetd.json DESTINATION /etc/accelnet)
install(DIRECTORY config/examples/ DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples)
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} RENAME copyright)
if(EXISTS ${PROJECT_SOURCE_DIR}/config/completion/accelnetctl.bash)
    install(FILES config/completion/accelnetctl.bash
        DESTINATION share/bash-completion/completions RENAME accelnetctl)
endif()

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME accelnet)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_CONTACT "the accelnet authors <accelnet@example.org>")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "dpdk, librte-meta-net")
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION
    "userspace SR-IOV datapath daemon with hardware policy offload
 Enforces network security groups and acl rules on the packets of a VM's NIC,
 in hardware where the NIC can and in software everywhere else.")
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${PROJECT_SOURCE_DIR}/config/debian/conffiles)
include(CPack)
