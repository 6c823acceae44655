// The collector for hosts where iovad is not installed: POSIX sh with cat, od, sed, tr, awk, sort, readlink,
// gzip and dmesg, which every system has. Its output equals HostCollection's byte for byte; a test compares
// them.

import Ingestion

enum CollectScript {
    /// Of a line that the collector takes, for awk.
    private static let hasWord = BootLogExcerpt.words.map { #"index($0, "\#($0)")"# }
        .joined(separator: " ||\n                ")
    /// Whether a word of the command line, or a line of a configuration, is taken, for awk.
    private static let isWord = begins("word", HostOptions.wordPrefixes)
    private static let isConfigLine = begins("$0", HostOptions.configPrefixes)
    /// Files with the parameters of modules, for the shell.
    private static let parameterFiles = HostOptions.modulePrefixes
        .map { #""$root"/sys/module/\#($0)*/parameters/*"# }.joined(separator: " ")

    private static func begins(_ variable: String, _ prefixes: [String]) -> String {
        prefixes.map { #"index(\#(variable), "\#($0)") == 1"# }.joined(separator: " ||\n                ")
    }

    static let text = #"""
        #!/bin/sh
        # Collects what this host's kernel exposes of its IOMMU, as JSON on standard output, for iovad's
        # POST /v1/platforms. Usage: sh collect.sh [DIR]   (DIR: a copied tree with sys/, proc/ and
        # var/log/dmesg below it)
        LC_ALL=C
        export LC_ALL
        root=${1:-}
        # Otherwise the programs below would take "-x" for an option.
        case $root in -*) root=./$root ;; esac
        groups=/sys/kernel/iommu_groups
        tree=/sys/firmware/fdt
        tables=/sys/firmware/acpi/tables
        log=/var/log/dmesg
        lines_max=\#(BootLogExcerpt.linesMax)
        aml_max=\#(AMLLimits.collectedBytesMax)
        ssdts_max=\#(AMLLimits.collectedSSDTsMax)
        words_max=\#(HostOptions.wordsMax)
        parameters_max=\#(HostOptions.parametersMax)
        config_lines_max=\#(HostOptions.configLinesMax)
        config_max=\#(HostOptions.configBytesMax)
        notes=

        note() {
            notes="$notes${notes:+,}\"$1\""
            echo "iovad collect: $1" >&2
        }

        # Whether a file can be read to its end. One that exists but cannot be read is noted.
        readable() {
            [ -e "$root$1" ] || return 1
            if [ -f "$root$1" ] && [ -r "$root$1" ] && cat "$root$1" > /dev/null 2>&1; then return 0; fi
            note "cannot read $1: run as root"
            return 1
        }

        # Printable ASCII and newlines, tabs as blanks.
        plain() { tr '\011' ' ' | tr -cd '\012\040-\176'; }

        # What is plain, as the inside of a JSON string.
        escape() { sed -e 's/\\/\\\\/g' -e 's/"/\\"/g'; }

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
                plain < "$root$1" | escape | sed -e 's/$/\\n/' | tr -d '\n'
                printf '"'
            fi
        }

        line() {
            if [ "$2" = 0 ]; then printf 'null'; else
                printf '"'
                plain < "$root$1" | escape | sed -n -e 1p | tr -d '\n'
                printf '"'
            fi
        }

        # Of a kernel's log the lines about SMMUs, ITSs, root buses and IOMMU groups, and one more than are
        # taken where there are so many.
        excerpt() {
            plain | sed -e 's/^<[0-9]*>//' -e 's/^\[ *[0-9]*\.[0-9]*\] //' | awk -v max=$lines_max '
                \#(hasWord) {
                if (n++ <= max) print substr($0, 1, \#(BootLogExcerpt.lineBytesMax))
            }'
        }

        # Of a command line the words that matter, a line each, and one more than are taken where there are so
        # many. Blanks in quotes are of the word, and what follows "--" is init's.
        words() {
            plain | tr '\n' ' ' | awk -v max=$words_max '
            function done() {
                if (word == "--") over = 1
                else if (\#(isWord)) {
                    if (n++ <= max) print substr(word, 1, \#(HostOptions.lineBytesMax))
                }
                word = ""
            }
            {
                for (i = 1; i <= length($0) && !over; i++) {
                    c = substr($0, i, 1)
                    if (c == "\"") quoted = !quoted
                    else if (c == " " && !quoted) done()
                    else word = word c
                }
                if (!over) done()
            }'
        }

        # Of a configuration the lines about IOMMUs and pages.
        config_lines() {
            plain | awk -v max=$config_lines_max '
                \#(isConfigLine) {
                if (n++ <= max) print substr($0, 1, \#(HostOptions.lineBytesMax))
            }'
        }

        # Parameters of modules, "module.name=value" each; a value is the first line of a file.
        parameters() {
            for path in \#(parameterFiles); do
                if [ ! -f "$path" ] || ! cat "$path" > /dev/null 2>&1; then continue; fi
                name=${path#"$root"/sys/module/}
                module=${name%%/*}
                name=${name##*/}
                case $module$name in *[!A-Za-z0-9_-]*) continue ;; esac
                printf '%s.%s=%s\n' "$module" "$name" "$(plain < "$path" | sed -n 1p)"
            done | awk '{ print substr($0, 1, \#(HostOptions.lineBytesMax)) }' | sort
        }

        # $lines, which $1 of a place $2 are taken of; more are noted.
        limit() {
            if [ -n "$(printf '%s\n' "$lines" | sed -n "$(($1 + 1))p")" ]; then
                lines=$(printf '%s\n' "$lines" | sed -n "1,${1}p")
                note "more than $1 lines of $2: the others are left out"
            fi
        }

        # $2, lines of plain text, as a JSON string; null when $1 is 0.
        joined() {
            if [ "$1" = 0 ]; then printf 'null'; else
                printf '"'
                if [ -n "$2" ]; then printf '%s\n' "$2" | escape | sed -e 's/$/\\n/' | tr -d '\n'; fi
                printf '"'
            fi
        }

        # The names in a folder, one per line, newlines in them as tabs.
        names() {
            for path in "$root$1"/*; do
                [ -e "$path" ] || [ -L "$path" ] || continue
                name=${path##*/}
                case $name in *"$newline"*) name=$(printf '%s' "$name" | tr '\n' '\t') ;; esac
                printf '%s\n' "$name"
            done
        }
        newline='
        '

        # The targets of the links with these names in a folder, as JSON strings; null for what is not a link.
        links() {
            comma=
            while IFS= read -r name; do
                if [ -n "$name" ] && [ -L "$root$1/$name" ]; then
                    target=$(readlink "$root$1/$name")
                    target=$(printf '%s' "$target" | tr '\n' '\t' | plain | escape)
                    printf '%s"%s"' "$comma" "$target"
                else
                    printf '%snull' "$comma"
                fi
                comma=,
            done
        }

        # Whether a folder's names can be read. One that exists but cannot be listed is noted.
        listable() {
            [ -d "$root$1" ] || return 1
            if [ -r "$root$1" ] && [ -x "$root$1" ]; then return 0; fi
            note "cannot read $1: run as root"
            return 1
        }

        known() { if readable "$1"; then known=1; else known=0; fi; }

        known $tree; has_tree=$known
        known $tables/IORT; has_iort=$known
        known $tables/VIOT; has_viot=$known
        has_apic=0
        has_mcfg=0
        if [ $has_iort$has_viot != 00 ]; then
            known $tables/APIC; has_apic=$known
            known $tables/MCFG; has_mcfg=$known
        fi

        # Whether there is room for a table of AML; one that has none is noted.
        aml=0
        fits() {
            readable "$tables/$1" || return 1
            size=$(cat "$root$tables/$1" | wc -c)
            if [ $((aml + size)) -gt $aml_max ]; then
                note "$1 is left out: more than $aml_max bytes of AML"
                return 1
            fi
            aml=$((aml + size))
        }
        has_dsdt=0
        ssdts=
        if [ $has_iort$has_viot != 00 ]; then
            if fits DSDT; then has_dsdt=1; fi
            numbers=$(names $tables \
                | sed -n -e 's/^SSDT$/0/p' -e 's/^SSDT\([1-9][0-9]\{0,2\}\)$/\1/p' | sort -n)
            if [ -n "$(printf '%s\n' "$numbers" | sed -n "$((ssdts_max + 1))p")" ]; then
                numbers=$(printf '%s\n' "$numbers" | sed -n "1,${ssdts_max}p")
                note "more than $ssdts_max SSDTs: the others are left out"
            fi
            for n in $numbers; do
                [ "$n" != 0 ] || n=
                if fits "SSDT$n"; then ssdts="$ssdts SSDT$n"; fi
            done
        fi
        known /proc/iomem; has_iomem=$known

        messages=
        if [ -z "$root" ]; then
            if dmesg > /dev/null 2>&1; then messages=$(dmesg 2>/dev/null | excerpt); else
                note "cannot read the kernel's log: run as root"
            fi
        fi
        if [ -z "$messages" ] && [ -f "$root$log" ] && cat "$root$log" > /dev/null 2>&1; then
            messages=$(excerpt < "$root$log")
        fi
        if [ -n "$(printf '%s\n' "$messages" | sed -n "$((lines_max + 1))p")" ]; then
            messages=$(printf '%s\n' "$messages" | sed -n "1,${lines_max}p")
            note "the kernel's log has more than $lines_max such lines: the rest is left out"
        fi

        numbers=
        if [ ! -d "$root$groups" ]; then
            note "no $groups: the kernel has no IOMMU support"
        elif listable $groups; then
            numbers=$(names $groups | sed -n -e '/^0$/p' -e '/^[1-9][0-9]\{0,9\}$/p' | sort -n)
            [ -n "$numbers" ] || note "no IOMMU groups: no IOMMU is driven here"
        fi
        for n in $numbers; do
            known $groups/$n/type; eval "type_$n=$known"
            known $groups/$n/reserved_regions; eval "regions_$n=$known"
            listable "$groups/$n/devices"
        done
        [ "$has_tree$has_iort$has_viot" != 000 ] || note "no device tree, IORT or VIOT: no IOMMU is described"
        known /proc/sys/kernel/osrelease; has_release=$known

        known /proc/cmdline; has_cmdline=$known
        cmdline=
        if [ $has_cmdline = 1 ]; then
            lines=$(words < "$root/proc/cmdline")
            limit $words_max "the command line"
            cmdline=$lines
        fi
        has_parameters=0
        parameters=
        if [ -d "$root/sys/module" ]; then
            has_parameters=1
            lines=$(parameters)
            limit $parameters_max /sys/module
            parameters=$lines
        fi
        config_path=
        config=
        has_config=0
        known /proc/config.gz
        if [ -e "$root/proc/config.gz" ] && [ $known = 1 ]; then
            size=$(gzip -dc < "$root/proc/config.gz" 2> /dev/null | wc -c)
            if gzip -dc < "$root/proc/config.gz" > /dev/null 2>&1 && [ $((size)) -le $config_max ]; then
                config_path=/proc/config.gz
                lines=$(gzip -dc < "$root/proc/config.gz" | config_lines)
            else
                note "cannot unpack /proc/config.gz"
            fi
        elif [ $has_release = 1 ]; then
            release=$(plain < "$root/proc/sys/kernel/osrelease" | sed -n 1p)
            case $release in
                '' | *[!A-Za-z0-9._+~-]*) ;;
                *)
                    known "/boot/config-$release"
                    if [ $known = 1 ]; then
                        size=$(cat "$root/boot/config-$release" | wc -c)
                        if [ $((size)) -gt $config_max ]; then
                            note "/boot/config-$release is left out: more than $config_max bytes"
                        else
                            config_path=/boot/config-$release
                            lines=$(config_lines < "$root/boot/config-$release")
                        fi
                    fi
                    ;;
            esac
        fi
        if [ -n "$config_path" ]; then
            has_config=1
            limit $config_lines_max "$config_path"
            config=$lines
        fi

        printf '{"collected":{"format":1,"kernel_release":'
        line /proc/sys/kernel/osrelease $has_release
        size=
        if [ -r "$root/proc/self/smaps" ]; then
            # cat opens the file itself: a redirection would open that of a shell which cat then replaces.
            # Where SIGPIPE is ignored, as under systemd, tr would complain when awk exits early.
            size=$(cat "$root/proc/self/smaps" 2>/dev/null \
                | tr '\000' '?' 2>/dev/null | awk '/^KernelPageSize:/ {
                if ($2 ~ /^[0-9]+$/ && length($2) <= 7 && $2 + 0 >= 1 && $2 + 0 <= 1048576)
                    printf "%d", $2 * 1024
                exit }')
        fi
        printf ',"page_size":%s,"device_tree":' "${size:-null}"
        hex $tree $has_tree
        printf ',"acpi":{"IORT":'
        hex $tables/IORT $has_iort
        printf ',"VIOT":'
        hex $tables/VIOT $has_viot
        printf ',"APIC":'
        hex $tables/APIC $has_apic
        printf ',"MCFG":'
        hex $tables/MCFG $has_mcfg
        printf ',"DSDT":'
        hex $tables/DSDT $has_dsdt
        printf ',"SSDT":['
        comma=
        for name in $ssdts; do
            printf '%s' "$comma"
            comma=,
            hex "$tables/$name" 1
        done
        printf ']},"iomem":'
        text /proc/iomem $has_iomem
        printf ',"dmesg":'
        if [ -z "$messages" ]; then printf 'null'; else
            printf '"'
            printf '%s\n' "$messages" | escape | sed -e 's/$/\\n/' | tr -d '\n'
            printf '"'
        fi
        printf ',"cmdline":'
        joined $has_cmdline "$cmdline"
        printf ',"parameters":'
        joined $has_parameters "$parameters"
        printf ',"config_path":'
        if [ $has_config = 0 ]; then printf 'null'; else printf '"%s"' "$config_path"; fi
        printf ',"config":'
        joined $has_config "$config"
        printf ',"groups":['
        comma=
        for n in $numbers; do
            printf '%s{"id":"%s","type":' "$comma" "$n"
            comma=,
            eval "has=\$type_$n"
            line $groups/$n/type $has
            printf ',"devices":['
            names "$groups/$n/devices" | plain | sort | escape \
                | awk '{ printf "%s\"%s\"", (NR > 1 ? "," : ""), $0 }'
            printf '],"paths":['
            names "$groups/$n/devices" | plain | sort | links "$groups/$n/devices"
            printf '],"reserved_regions":'
            eval "has=\$regions_$n"
            text $groups/$n/reserved_regions $has
            printf '}'
        done
        printf '],"notes":[%s]}}\n' "$notes"

        """#
}
