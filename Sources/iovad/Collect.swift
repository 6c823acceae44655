// `iovad collect`: what this host's kernel exposes, as the JSON that POST /v1/platforms takes. It
// interprets none of it: bytes are copied as hexadecimal digits; texts are reduced to printable ASCII, tabs
// to blanks, and every line is ended. Of the kernel's log only the lines about SMMUs, MSIs, PCI windows and
// groups are taken, of its command line, modules and configuration what CollectOptions.swift says. The script
// that `--script` prints gives the same bytes.

import AddressSpaces
import ArgumentParser
import Glibc
import Ingestion
import JSON

struct Collect: CheckedCommand {
    static let configuration = CommandConfiguration(
        commandName: "collect",
        abstract: "Collect what this host's kernel exposes, as JSON for POST /v1/platforms.",
        discussion: """
            Groups and their regions need no privileges. Only root can read the firmware's tables, the \
            addresses in /proc/iomem and, on many hosts, the kernel's log; what cannot be read is noted. Of \
            the log only lines about SMMUs, ITSs, root buses and IOMMU groups are taken; of the command \
            line, the modules and the kernel's configuration only words about IOMMUs, VFIO, PCI and pages.

              iovad collect | curl --data-binary @- -H 'Content-Type: application/json' \\
                'http://\(Settings.listenDefault)/v1/platforms?id=mine'
              iovad collect --script | ssh host sh -s
            """)

    @OptionGroup var host: RootOption
    @Flag(help: "Print a POSIX shell script that does the same where iovad is not installed.")
    var script = false

    func checkArguments() throws {
        if script, host.root != nil {
            throw ValidationError("give the folder to the script itself: sh collect.sh DIR")
        }
        try host.check()
    }

    func answer() throws {
        if script {
            print(CollectScript.text, terminator: "")
            return
        }
        var collection = HostCollection(root: host.root ?? "")
        print(String(decoding: collection.json, as: UTF8.self), terminator: "")
        for note in collection.notes { Console.say("iovad collect: \(note)") }
    }
}

struct HostCollection {
    let root: String
    var notes: [String] = []
    /// errno's number when this process had no descriptor or memory to read something with: then what was
    /// collected says nothing about the host.
    private(set) var shortage: Int32?

    init(root: String) { self.root = root }

    private static let groupsPath = "/sys/kernel/iommu_groups"
    private static let treePath = "/sys/firmware/fdt"
    private static let tablesPath = "/sys/firmware/acpi/tables"
    /// What Debian keeps of the boot; the kernel's own log forgets it after a while.
    private static let logPath = "/var/log/dmesg"

    /// The document and a final newline.
    var json: [UInt8] {
        mutating get {
            let tree = bytes(Self.treePath)
            let iort = bytes("\(Self.tablesPath)/IORT")
            let viot = bytes("\(Self.tablesPath)/VIOT")
            let hasTables = iort != nil || viot != nil
            let apic = hasTables ? bytes("\(Self.tablesPath)/APIC") : nil
            let mcfg = hasTables ? bytes("\(Self.tablesPath)/MCFG") : nil
            let (dsdt, ssdts) = hasTables ? readAML() : (nil, [])
            let iomem = text("/proc/iomem")
            let log = kernelLog()
            let groups = readGroups()
            if tree == nil, !hasTables {
                notes.append("no device tree, IORT or VIOT: no IOMMU is described")
            }
            let release = line("/proc/sys/kernel/osrelease")
            let options = readOptions(release: release)
            let pageSize = readPageSize()
            var writer = JSONWriter()
            writer.object { writer in
                writer.object("collected") { writer in
                    writer.member("format", 1)
                    writer.member("kernel_release", orNull: release)
                    writer.key("page_size")
                    if let size = pageSize { writer.int(size) } else { writer.null() }
                    writer.member("device_tree", orNull: tree.map(Self.hex))
                    writer.object("acpi") { writer in
                        writer.member("IORT", orNull: iort.map(Self.hex))
                        writer.member("VIOT", orNull: viot.map(Self.hex))
                        writer.member("APIC", orNull: apic.map(Self.hex))
                        writer.member("MCFG", orNull: mcfg.map(Self.hex))
                        writer.member("DSDT", orNull: dsdt.map(Self.hex))
                        writer.member("SSDT", strings: ssdts.map(Self.hex))
                    }
                    writer.member("iomem", orNull: iomem)
                    writer.member("dmesg", orNull: log)
                    options.write(&writer)
                    writer.array("groups") { writer in groups.forEach { $0.write(&writer) } }
                    writer.member("notes", strings: notes)
                }
            }
            return writer.bytes + [0x0a]
        }
    }

    /// DSDT and SSDTs, these in the order of their numbers, as far as there is room for them.
    private mutating func readAML() -> (dsdt: [UInt8]?, ssdts: [[UInt8]]) {
        var room = AMLLimits.collectedBytesMax
        let dsdt = aml("DSDT", &room)
        let names = names(in: Self.tablesPath).filter(Self.isSSDT)
            .sorted { ($0.utf8.count, $0) < ($1.utf8.count, $1) }
        if names.count > AMLLimits.collectedSSDTsMax {
            notes.append("more than \(AMLLimits.collectedSSDTsMax) SSDTs: the others are left out")
        }
        return (dsdt, names.prefix(AMLLimits.collectedSSDTsMax).compactMap { aml($0, &room) })
    }

    private mutating func aml(_ name: String, _ room: inout Int) -> [UInt8]? {
        guard let bytes = bytes("\(Self.tablesPath)/\(name)") else { return nil }
        guard bytes.count <= room else {
            notes.append("\(name) is left out: more than \(AMLLimits.collectedBytesMax) bytes of AML")
            return nil
        }
        room -= bytes.count
        return bytes
    }

    /// `SSDT`, or `SSDT1` to `SSDT999`, as the kernel numbers several.
    private static func isSSDT(_ name: String) -> Bool {
        guard name.hasPrefix("SSDT") else { return false }
        let digits = name.utf8.dropFirst(4)
        return digits.isEmpty
            || digits.count <= 3 && digits.first != 0x30 && digits.allSatisfy { DecimalLiteral.isDigit($0) }
    }

    private struct Group {
        let number: String
        let type: String?
        let devices: [String]
        /// Of each device, where sysfs has it; nil for what is not a link.
        let paths: [String?]
        let regions: String?

        func write(_ writer: inout JSONWriter) {
            writer.object { writer in
                writer.member("id", number)
                writer.member("type", orNull: type)
                writer.member("devices", strings: devices)
                writer.array("paths") { writer in
                    for path in paths {
                        if let path { writer.string(path) } else { writer.null() }
                    }
                }
                writer.member("reserved_regions", orNull: regions)
            }
        }
    }

    /// In the order of their numbers.
    private mutating func readGroups() -> [Group] {
        guard Files.isFolder(root + Self.groupsPath) else {
            notes.append("no \(Self.groupsPath): the kernel has no IOMMU support")
            return []
        }
        guard isListable(Self.groupsPath) else { return [] }
        let numbers = names(in: Self.groupsPath).filter(Self.isGroup)
            .sorted { ($0.utf8.count, $0) < ($1.utf8.count, $1) }
        if numbers.isEmpty { notes.append("no IOMMU groups: no IOMMU is driven here") }
        return numbers.map { number in
            let folder = "\(Self.groupsPath)/\(number)"
            let (type, regions) = (line("\(folder)/type"), text("\(folder)/reserved_regions"))
            let names = isListable("\(folder)/devices") ? self.names(in: "\(folder)/devices") : []
            let devices = names.map { Self.onLine($0.utf8) }
                .sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
            return Group(
                number: number, type: type, devices: devices,
                paths: devices.map { name in
                    name.isEmpty ? nil : Files.linkTarget("\(root)\(folder)/devices/\(name)").map(Self.onLine)
                }, regions: regions)
        }
    }

    /// Whether a folder's names can be read; one that exists but cannot be listed is noted.
    private mutating func isListable(_ path: String) -> Bool {
        guard Files.isFolder(root + path) else { return false }
        if access(root + path, R_OK | X_OK) == 0 { return true }
        notes.append("cannot read \(path): run as root")
        return false
    }

    /// As the kernel counts groups: a decimal number of at most 31 bits.
    private static func isGroup(_ name: String) -> Bool {
        (1...10).contains(name.utf8.count) && name.utf8.allSatisfy { DecimalLiteral.isDigit($0) }
            && (name == "0" || name.utf8.first != 0x30)
    }

    /// The bytes of a file; nil when it cannot be read, with a note if it exists.
    mutating func bytes(_ path: String) -> [UInt8]? {
        guard access(root + path, F_OK) == 0 else { return nil }
        guard let bytes = contents(path) else {
            notes.append("cannot read \(path): run as root")
            return nil
        }
        return bytes
    }

    /// The bytes of a file; nil when it cannot be read. A pipe that nobody writes has no end.
    mutating func contents(_ path: String) -> [UInt8]? {
        guard Files.isFile(root + path), access(root + path, R_OK) == 0 else { return nil }
        let bytes = Files.read(root + path)
        if bytes == nil { noteShortage(errno) }
        return bytes
    }

    /// Names in a folder, sorted; empty when it cannot be read.
    mutating func names(in path: String) -> [String] {
        errno = 0
        let names = Files.names(in: root + path)
        if names.isEmpty { noteShortage(errno) }
        return names
    }

    private mutating func noteShortage(_ code: Int32) {
        if [EMFILE, ENFILE, ENOMEM].contains(code) { shortage = code }
    }

    /// Lines of the kernel's log, or of its file where the log has none left; nil when there are none.
    private mutating func kernelLog() -> String? {
        var found = (text: [UInt8](), isCut: false)
        if root.isEmpty {
            if let messages = KernelMessages.read() {
                found = BootLogExcerpt.lines(of: Self.plain(messages))
            } else {
                noteShortage(errno)
                notes.append("cannot read the kernel's log: run as root")
            }
        }
        if found.text.isEmpty, let bytes = contents(Self.logPath) {
            found = BootLogExcerpt.lines(of: Self.plain(bytes))
        }
        if found.isCut {
            notes.append(
                "the kernel's log has more than \(BootLogExcerpt.linesMax) such lines: the rest is left out")
        }
        return found.text.isEmpty ? nil : Self.string(found.text)
    }

    private mutating func text(_ path: String) -> String? {
        bytes(path).map { bytes in
            let text = Self.plain(bytes)
            return Self.string(text.isEmpty || text.last == 0x0a ? text : text + [0x0a])
        }
    }

    /// The first line of a file.
    private mutating func line(_ path: String) -> String? {
        text(path).map { String($0.prefix { $0 != "\n" }) }
    }

    /// Printable ASCII and newlines, tabs as blanks.
    static func plain(_ bytes: some Sequence<UInt8>) -> [UInt8] {
        bytes.map { $0 == 0x09 ? 0x20 : $0 }.filter { (0x20...0x7e).contains($0) || $0 == 0x0a }
    }

    /// What is plain on one line: newlines as blanks.
    private static func onLine(_ bytes: some Sequence<UInt8>) -> String {
        string(plain(bytes).map { $0 == 0x0a ? 0x20 : $0 })
    }

    static func string(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

    /// "KernelPageSize:        4 kB" of the first mapping: the one way to ask a file for it.
    private mutating func readPageSize() -> Int? {
        guard let bytes = contents("/proc/self/smaps") else { return nil }
        for line in bytes.split(separator: 0x0a) where line.starts(with: Array("KernelPageSize:".utf8)) {
            let words = line.split { $0 == 0x20 || $0 == 0x09 }
            guard words.count > 1, let kilobytes = DecimalLiteral.parse(words[1]),
                (1...1_048_576).contains(kilobytes)
            else { return nil }
            return Int(kilobytes) * 1_024
        }
        return nil
    }

    private static func hex(_ bytes: [UInt8]) -> String {
        bytes.reduce(into: "") { $0 += HexLiteral.digits($1, atLeast: 2) }
    }
}
