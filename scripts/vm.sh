# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# A virtual machine with several NUMA nodes, which few developers have, and with the oldest kernel supported:
# Debian 12's, emulated (QEMU's TCG), so that it needs no privileges and runs in a container. Slow, and of no use
# for timing.
#
# The machine's disk is made of the programs to run and the libraries they need, at the paths they have here, where
# programs look for libraries of the tree: ext4, for what the library does on a disk it does not do in memory. An
# archive in memory holds the modules that the disk takes and tests/vm/init.c, which mounts it, runs the programs and
# switches the machine off.

vm_nodes=2
vm_cpus=4
vm_memory_mb=1024
vm_timeout=600
vm_test_seconds=300 # for one command
vm_disk_mb=6144     # a file with holes
vm_log=build-vm/log.txt
# shellcheck disable=SC2034 # dev's
vm_options='--nodes --cpus --memory --timeout'

# What the disk takes, each after those it needs.
vm_modules='drivers/virtio/virtio_ring drivers/virtio/virtio drivers/virtio/virtio_pci_legacy_dev
drivers/virtio/virtio_pci_modern_dev drivers/virtio/virtio_pci drivers/block/virtio_blk
crypto/crc32c_generic lib/crc16 fs/mbcache fs/jbd2/jbd2 fs/ext4/ext4'

# The kernel and its modules, taken out of their package; nothing is installed.
fetch_kernel() {
    local package
    compgen -G "build-vm/lib/modules" >/dev/null && return
    mkdir -p build-vm
    package=$(apt-cache depends linux-image-amd64 | sed -n 's/^ *Depends: //p' | head -n 1)
    echo "fetching ${package:?apt-get knows no linux-image-amd64}"
    (cd build-vm && quietly apt-get download "$package")
    dpkg-deb --fsys-tarfile build-vm/"$package"_*.deb | tar -x -C build-vm --wildcards './boot/vmlinuz-*' './lib/modules/*'
    rm build-vm/"$package"_*.deb
}

# libraries_of FILE...: what the dynamic linker would load, and the linker itself
libraries_of() {
    local file
    for file in "$@"; do
        ldd "$file" 2>/dev/null | grep -oE '/[^ ]+' || true
    done | xargs -r realpath -s | sort -u
}

# set_machine [OPTION NUMBER]...
set_machine() {
    while (($# > 0)); do
        case $1 in
        --nodes) vm_nodes=$2 ;;
        --cpus) vm_cpus=$2 ;;
        --memory) vm_memory_mb=$2 ;;
        --timeout) vm_timeout=$2 ;;
        esac
        shift 2
    done
}

# suite commands|report [NAME...]: of the functional tests (scripts/vm_suite.py)
suite() {
    meson introspect --tests build-debug | python3 scripts/vm_suite.py "$1" build-debug "$vm_log" "${@:2}"
}

# run_suite [NAME...]: what has not passed yet, and what became of all. Goes on where it was stopped.
run_suite() {
    local commands
    commands=$(suite commands "$@")
    if [[ -n $commands ]]; then
        mapfile -t commands <<<"$commands"
        run_in_vm "${commands[@]}" || true # the report counts what failed
    fi
    suite report "$@"
}

# pack_memory ROOT: the archive
pack_memory() {
    local root=$1 module
    rm -rf "$root"
    mkdir -p "$root/modules"
    cp build-debug/tests/vm/vm-init "$root/init"
    for module in $vm_modules; do
        cp build-vm/lib/modules/*/kernel/"$module.ko" "$root/modules"
        echo "${module##*/}.ko" >>"$root/modules/order"
    done
    # shellcheck disable=SC2046 # a path of a library has no blanks
    cp --parents --dereference $(libraries_of "$root/init") "$root"
    (cd "$root" && find . | cpio --quiet -o -H newc -R 0:0 | gzip -1) >build-vm/machine.cpio.gz
}

# pack_disk ROOT COMMAND...: the disk. Of a command, the words that are files of this tree come along.
pack_disk() {
    local root=$1 files=() command word # a command may have a name before a tab
    shift
    rm -rf "$root"
    mkdir -p "$root"/{bin,dev,proc,sys,tmp,var}
    ln -s /tmp "$root/var/tmp"
    cp /bin/sh "$root/bin/sh"
    printf '%s\n' "$PWD" "$vm_test_seconds" "$(build-debug/tests/vm/vm-init speed)" "$@" >"$root/tests"
    for command in "$@"; do
        for word in ${command#*$'\t'}; do
            word=${word#LD_PRELOAD=}
            [[ ! -f $word ]] || files+=("$(realpath "$word")")
        done
    done
    mapfile -t files < <(printf '%s\n' "${files[@]}" | sort -u)
    cp --parents --dereference "${files[@]}" "$root"
    # shellcheck disable=SC2046 # as above
    cp --parents --dereference $(libraries_of "$root/bin/sh" "${files[@]}") "$root"
    rm -f build-vm/disk.img
    /sbin/mke2fs -q -t ext4 -d "$root" build-vm/disk.img "${vm_disk_mb}M"
}

# Arguments of QEMU that share memory and CPUs out among the nodes.
describe_nodes() {
    local node each=$((vm_cpus / vm_nodes)) first last
    for ((node = 0; node < vm_nodes; node++)); do
        first=$((node * each)) last=$((node * each + each - 1))
        ((node < vm_nodes - 1)) || last=$((vm_cpus - 1))
        printf '%s\n' -object "memory-backend-ram,id=memory$node,size=$((vm_memory_mb / vm_nodes))M" \
            -numa "node,nodeid=$node,memdev=memory$node,cpus=$first-$last"
    done
}

# Boots; what it says goes to the terminal and to build-vm/said.txt, and with that of all machines before to the log.
boot_machine() {
    local kernels=(build-vm/boot/vmlinuz-*) nodes=()
    mapfile -t nodes < <(describe_nodes)
    timeout "$vm_timeout" qemu-system-x86_64 -accel tcg,thread=multi -cpu max -smp "$vm_cpus" \
        -m "$((vm_memory_mb / vm_nodes * vm_nodes))M" "${nodes[@]}" -nodefaults -no-reboot -display none \
        -serial stdio -kernel "${kernels[0]}" -initrd build-vm/machine.cpio.gz \
        -drive file=build-vm/disk.img,format=raw,if=virtio,cache=unsafe \
        -append "console=ttyS0 quiet panic=-1" </dev/null | stdbuf -oL tr -d '\r' | tee build-vm/said.txt | tee -a "$vm_log"
}

# run_in_vm COMMAND...: status 0 when the machine ran them all and none failed
run_in_vm() {
    local result
    fetch_kernel
    pack_memory build-vm/memory
    pack_disk build-vm/disk "$@"
    echo "booting ${vm_nodes} nodes, ${vm_cpus} CPUs, ${vm_memory_mb} MiB" | tee -a "$vm_log"
    boot_machine || true # what counts is what it said
    result=$(sed -n 's/^vm-result: //p' build-vm/said.txt)
    if [[ -z $result ]]; then
        echo "./dev: the machine ended, or ran into the limit of $vm_timeout s, before its programs did" >&2
        return 1
    fi
    [[ $result == *" 0 failed"* && $result != "0 passed"* ]]
}
