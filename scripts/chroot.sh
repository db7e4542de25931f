# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# A Debian of its own that has build tools and what the packages declare, nothing of this machine: what works there
# needs nothing undeclared. The fresh system is kept as build-chroot/base.tar; each run unpacks it anew. Needs root.
#
# shellcheck disable=SC2154 # ship is ship.sh's

chroot_dir=build-chroot
chroot_suite=bookworm
chroot_mirror=http://deb.debian.org/debian
chroot_packages=gcc,g++,libc6-dev,make,meson,ninja-build,pkg-config,cmake,liburing-dev,libnuma-dev,binutils,xz-utils,python3

fetch_chroot() {
    [[ -s $chroot_dir/base.tar ]] && return
    echo "fetching $chroot_suite (some minutes, once)"
    rm -rf $chroot_dir/fresh
    mkdir -p $chroot_dir
    quietly debootstrap --variant=minbase --include=$chroot_packages $chroot_suite $chroot_dir/fresh $chroot_mirror
    tar -C $chroot_dir/fresh --numeric-owner -c -f $chroot_dir/base.tar.part .
    mv $chroot_dir/base.tar.part $chroot_dir/base.tar
    rm -rf $chroot_dir/fresh
}

leave_chroot() {
    ! mountpoint -q $chroot_dir/root/proc || umount $chroot_dir/root/proc
}

enter_chroot() {
    leave_chroot
    rm -rf $chroot_dir/root
    mkdir -p $chroot_dir/root
    tar -C $chroot_dir/root --numeric-owner -x -f $chroot_dir/base.tar
    echo auraio-chroot >$chroot_dir/root/etc/hostname
    trap leave_chroot EXIT
    mount -t proc proc $chroot_dir/root/proc
}

inside() {
    env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
        chroot $chroot_dir/root "$@"
}

# Every file of the system, but for the package manager's own notes and caches.
files_inside() {
    (cd $chroot_dir/root && find . -xdev -path ./proc -prune -o \
        ! -path './var/lib/dpkg/*' ! -path './var/lib/apt/*' ! -path './var/cache/*' ! -path './var/log/*' \
        ! -path './tmp/*' ! -path ./etc/ld.so.cache -print) | sort
}

# The packages are installed, used by their own tests, and removed.
try_packages() {
    local script
    cp "$ship"/deb/*.deb $chroot_dir/root/tmp/
    cp -r "$ship/deb/auraio" $chroot_dir/root/tmp/source
    inside apt-get update >/dev/null
    files_inside >$chroot_dir/before.txt
    # shellcheck disable=SC2016 # expanded inside
    quietly inside sh -c 'apt-get install -y --no-install-recommends /tmp/*.deb'
    for script in quick-start consumers command; do
        quietly inside sh -c "cd /tmp/source && debian/tests/$script"
        echo "passed   autopkgtest $script"
    done
    # shellcheck disable=SC2016 # expanded inside
    quietly inside sh -c 'dpkg --purge $(for package in /tmp/*.deb; do dpkg-deb -f "$package" Package; done)'
    files_inside >$chroot_dir/after.txt
    diff $chroot_dir/before.txt $chroot_dir/after.txt
    echo "passed   removal leaves nothing"
}

run_in_chroot() {
    local tarball
    fetch_chroot
    tarball=$(make_tarball)
    build_packages
    enter_chroot
    mkdir -p $chroot_dir/root/tmp/tree
    git archive HEAD tests packaging | tar -x -C $chroot_dir/root/tmp/tree
    cp "$tarball" $chroot_dir/root/tmp/
    inside /tmp/tree/tests/consumers.sh "/tmp/${tarball##*/}" /tmp/work
    inside rm -rf /tmp/work /tmp/tree
    try_packages
}
