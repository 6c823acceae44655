// The collector for hosts where iovad is not installed: POSIX sh with od, sed, tr, awk and sort, which every
// system has. Its output equals HostCollection's byte for byte; a test holds the two together.

enum CollectScript {
    static let text = #"""
        #!/bin/sh
        # Gathers what this host's kernel exposes of its IOMMU, as JSON on standard output, for iovad's
        # POST /v1/platforms. Usage: sh collect.sh [DIR]   (DIR: a copied tree with sys/ and proc/ below it)
        LC_ALL=C
        export LC_ALL
        root=${1:-}
        groups=/sys/kernel/iommu_groups
        tree=/sys/firmware/fdt
        tables=/sys/firmware/acpi/tables
        notes=

        note() {
            notes="$notes${notes:+,}\"$1\""
            echo "iovad collect: $1" >&2
        }

        # Whether a file can be read; one that is there and cannot is noted.
        readable() {
            [ -e "$root$1" ] || return 1
            if [ -r "$root$1" ] && [ ! -d "$root$1" ] && : < "$root$1"; then return 0; fi 2>/dev/null
            note "cannot read $1: run as root"
            return 1
        }

        # Printable ASCII, as the inside of a JSON string.
        escape() { tr '\011' ' ' | tr -cd '\012\040-\176' | sed -e 's/\\/\\\\/g' -e 's/"/\\"/g'; }

        hex() {
            if [ "$2" = 0 ]; then printf 'null'; else
                printf '"'
                od -An -v -tx1 < "$root$1" | tr -d ' \n'
                printf '"'
            fi
        }

        text() {
            if [ "$2" = 0 ]; then printf 'null'; else
                printf '"'
                escape < "$root$1" | awk '{ printf "%s\\n", $0 }'
                printf '"'
            fi
        }

        line() {
            if [ "$2" = 0 ]; then printf 'null'; else
                printf '"'
                escape < "$root$1" | awk 'NR == 1 { printf "%s", $0 }'
                printf '"'
            fi
        }

        known() { if readable "$1"; then known=1; else known=0; fi; }

        known $tree; has_tree=$known
        known $tables/IORT; has_iort=$known
        has_apic=0
        if [ $has_iort = 1 ]; then known $tables/APIC; has_apic=$known; fi
        known /proc/iomem; has_iomem=$known

        numbers=
        if [ -d "$root$groups" ]; then
            numbers=$(ls "$root$groups" | sed -n '/^[0-9][0-9]*$/p' | sort -n)
            [ -n "$numbers" ] || note "no IOMMU groups: no IOMMU is driven here"
        else
            note "no $groups: the kernel has no IOMMU support"
        fi
        for n in $numbers; do
            known $groups/$n/type; eval "type_$n=$known"
            known $groups/$n/reserved_regions; eval "regions_$n=$known"
        done
        [ "$has_tree$has_iort" != 00 ] || note "neither a device tree nor an IORT: no SMMU is described"
        known /proc/sys/kernel/osrelease; has_release=$known

        printf '{"collected":{"format":1,"kernel_release":'
        line /proc/sys/kernel/osrelease $has_release
        size=
        if [ -r "$root/proc/self/smaps" ]; then
            size=$(awk '/^KernelPageSize:/ { if ($2 ~ /^[0-9]+$/ && $2 > 0) print $2 * 1024; exit }' \
                "$root/proc/self/smaps" 2>/dev/null)
        fi
        printf ',"page_size":%s,"device_tree":' "${size:-null}"
        hex $tree $has_tree
        printf ',"acpi":{"IORT":'
        hex $tables/IORT $has_iort
        printf ',"APIC":'
        hex $tables/APIC $has_apic
        printf '},"iomem":'
        text /proc/iomem $has_iomem
        printf ',"groups":['
        comma=
        for n in $numbers; do
            printf '%s{"id":"%s","type":' "$comma" "$n"
            comma=,
            eval "has=\$type_$n"
            line $groups/$n/type $has
            printf ',"devices":['
            ls "$root$groups/$n/devices" 2>/dev/null | sort | escape \
                | awk '{ printf "%s\"%s\"", (NR > 1 ? "," : ""), $0 }'
            printf '],"reserved_regions":'
            eval "has=\$regions_$n"
            text $groups/$n/reserved_regions $has
            printf '}'
        done
        printf '],"notes":[%s]}}\n' "$notes"

        """#
}
