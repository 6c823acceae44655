// A check for the host, in POSIX shell: whether the lines of reserved_regions leave the window to Linux and
// the guest's memory free. It needs no other program, no root and no tool of ours. Shells count in signed
// 64 bits, so addresses are compared in halves. Lines as drivers/iommu/iommu.c prints them:
// iommu_group_show_resv_regions, Linux 7.2.

import AddressSpaces
import MSIWindows

/// The script. It ends with 0 where every group that is named (all without arguments) leaves the window,
/// else 1.
struct HostCheck {
    private let vm: RenderedVM

    init(_ vm: RenderedVM) { self.vm = vm }

    var text: String {
        let memory = vm.memory.map { "\(Self.digits($0.start)) \(Self.digits($0.last))" }
        let mark = vm.marks.map { "# \($0)\n" }.joined()
        return """
            #!/bin/sh
            \(mark)# Whether this host keeps the MSI window \(vm.window.text) and the guest's memory usable.
            # Arguments: IOMMU groups of the VM's devices; without any, all groups. SYSFS: a copy of /sys.
            # Status: 0 it does, 1 it does not, or nothing can be read.
            start=\(Self.digits(vm.window.start)) last=\(Self.digits(vm.window.last))
            memory='\(memory.joined(separator: "\n"))'
            # Whether the VMM minds lines that Linux lets it map.
            counts_relaxable=\(vm.guest.vmm?.has(.readsReservedRegions) == true ? "yes" : "no")
            \(Self.functions)
            \(vm.isMoved ? Self.movedWindow : Self.softwareWindow)
            \(Self.walk)

            """
    }

    private static func digits(_ address: IOVA) -> String { HexLiteral.digits(address.value, atLeast: 16) }

    private static let functions = #"""
        failed=0
        complain() {
            echo "group $group: $*" >&2
            failed=1
        }

        # before A B: whether A is below B, of 16 digits each.
        before() {
            high=$((0x${1%????????} - 0x${2%????????}))
            [ "$high" -lt 0 ] || { [ "$high" -eq 0 ] && [ $((0x${1#????????})) -lt $((0x${2#????????})) ]; }
        }

        # meets FIRST LAST: whether the line from $from to $to has an address of that range.
        meets() {
            ! before "$2" "$from" && ! before "$to" "$1"
        }
        """#

    /// Linux's own: it has to be there, and prints the same word as a region of hardware.
    private static let softwareWindow = #"""

        # is_window: whether the line is the window of the IOMMU's driver.
        is_window() {
            [ "$type" = msi ] && [ "$from" = "$start" ] && [ "$to" = "$last" ]
        }
        must_list=yes
        """#

    /// The list has the default of the kernel, whatever the options say; it gives way to them.
    private static var movedWindow: String {
        let window = WindowSource.mainlineWindow
        return #"""

            # is_window: whether the line is the default window, which the options take away.
            is_window() {
                [ "$type" = msi ] && [ "$from" = \#(digits(window.start)) ] && [ "$to" = \#(digits(window.last)) ]
            }
            must_list=no
            """#
    }

    private static let walk = #"""

        # check_memory: whether the line leaves the guest's memory.
        check_memory() {
            while read -r first end; do
                [ -z "$first" ] || ! meets "$first" "$end" || complain "guest memory meets 0x$from 0x$to $type"
            done <<MEMORY
        $memory
        MEMORY
        }

        # check_line: one line, in $from, $to and $type.
        check_line() {
            case $type in
            direct-relaxable)
                [ "$counts_relaxable" = no ] || check_memory
                return
                ;;
            direct)
                complain "direct region 0x$from 0x$to: Linux gives none of its devices to user space"
                return
                ;;
            esac
            if is_window; then
                listed=yes
                [ "$must_list" = yes ] || return
            elif meets "$start" "$last"; then
                complain "the window meets 0x$from 0x$to $type"
            fi
            check_memory
        }

        # check_file: all lines of $file.
        check_file() {
            listed=no
            while read -r from to type; do
                from=${from#0x} to=${to#0x}
                is_line=no
                [ "${#from}" -ne 16 ] || [ "${#to}" -ne 16 ] || is_line=yes
                case $from$to in
                *[!0-9a-f]*) is_line=no ;;
                esac
                if [ "$is_line" = no ]; then
                    complain "a line is not understood: $from $to $type"
                    continue
                fi
                check_line
            done <"$file"
            [ "$must_list" = no ] || [ "$listed" = yes ] || complain "has no MSI window there"
        }

        root=${SYSFS:-/sys}/kernel/iommu_groups
        if [ "$#" -eq 0 ]; then
            for folder in "$root"/*/; do
                folder=${folder%/}
                set -- "$@" "${folder##*/}"
            done
        fi
        for group in "$@"; do
            file=$root/$group/reserved_regions
            if [ -r "$file" ]; then check_file; else complain "cannot read $file"; fi
        done
        exit "$failed"
        """#
}
