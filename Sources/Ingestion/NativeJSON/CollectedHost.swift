// What `iovad collect` gathered on a host, as JSON: firmware's own bytes in hex and the kernel's texts as
// they are, so that the collector need understand none of it.

import AddressSpaces
import JSON
import Machines

/// `{"collected": {"format": 1, ...}}`
struct CollectedHost {
    struct Group {
        var number: UInt64
        var type: String?
        /// PCI addresses and names of platform devices, in the kernel's order.
        var devices: [String]
        /// Of each device, where sysfs has it, as its link says; nil when that is not known.
        var paths: [String?]
        /// The text of reserved_regions; nil when it could not be read.
        var reservedRegions: [UInt8]?
    }

    static let formatNumber = 1
    private static let commandLinePath = "/proc/cmdline"
    private static let devicesPerGroupMax = 4_096
    private static let pathBytesMax = 4_096
    /// One for every file of every group, and some.
    private static let notesMax = 4 * TextLimits.groupsMax

    var kernelRelease: String?
    var pageSize: UInt64?
    var deviceTree: [UInt8]?
    /// IORT first, then VIOT, APIC, MCFG, DSDT and the SSDTs in order.
    var tables: [[UInt8]] = []
    var iomem: [UInt8]?
    var bootLog: [UInt8]?
    /// How the host was booted; nil where that was not collected.
    var commandLine: [HostOption]?
    /// How it was built and set up.
    var options: [HostOption] = []
    var groups: [Group] = []
    var notes: [String] = []

    static func isCollection(_ root: JSONNode) -> Bool {
        root.kind == .object && root.member("collected") != nil
    }

    init(_ root: JSONNode, bytesMax: Int, _ problems: ProblemList) {
        guard var outer = ObjectReader(root, problems) else { return }
        defer { outer.finish() }
        guard let node = outer.required("collected"), var reader = ObjectReader(node, problems) else {
            return
        }
        _ = reader.required("format")?.int(in: Self.formatNumber...Self.formatNumber, problems)
        kernelRelease = Self.present(reader.optional("kernel_release"))?.line(
            bytesMax: NativePlatform.nameBytesMax, problems)
        pageSize = Self.present(reader.optional("page_size"))?.u64(problems)
        deviceTree = Self.hex(reader.optional("device_tree"), bytesMax, problems)
        if let node = Self.present(reader.optional("acpi")), var tables = ObjectReader(node, problems) {
            self.tables = ["IORT", "VIOT", "APIC", "MCFG", "DSDT"].compactMap { (name: StaticString) in
                Self.hex(tables.optional(name), bytesMax, problems)
            }
            self.tables += NativePlatform.list(
                Self.present(tables.optional("SSDT")), max: ACPILimits.tablesMax, problems
            ) { Self.bytes($0, bytesMax, problems) }
            tables.finish()
        }
        iomem = Self.present(reader.optional("iomem"))?.string(bytesMax: bytesMax, problems)
            .map { Array($0.utf8) }
        bootLog = Self.present(reader.optional("dmesg"))?.string(bytesMax: bytesMax, problems)
            .map { Array($0.utf8) }
        commandLine = Self.present(reader.optional("cmdline"))?.string(bytesMax: bytesMax, problems)
            .map { HostOptions.commandLine(Array($0.utf8), place: Self.commandLinePath, hasWordALine: true) }
        options = Self.options(&reader, bytesMax, problems)
        let listed = Self.present(reader.optional("groups"))
        groups = NativePlatform.list(listed, max: TextLimits.groupsMax, problems) {
            Self.group($0, bytesMax, problems)
        }
        if groups.count == listed?.count {
            NativePlatform.unique(groups.map { String($0.number) }, reader.pointer("groups"), problems)
        }
        notes = NativePlatform.list(
            Self.present(reader.optional("notes")), max: Self.notesMax, problems
        ) { $0.line(bytesMax: NativePlatform.nameBytesMax, problems) }
        reader.finish()
    }

    private static func present(_ node: JSONNode?) -> JSONNode? { node?.kind == .null ? nil : node }

    /// Texts with a word a line; collectors that knew none of them sent none.
    private static func options(
        _ reader: inout ObjectReader, _ bytesMax: Int, _ problems: ProblemList
    ) -> [HostOption] {
        func text(_ name: StaticString) -> String? {
            present(reader.optional(name))?.string(bytesMax: bytesMax, problems)
        }
        let config = text("config")
        let path = text("config_path") ?? "the kernel's configuration"
        return HostOptions.options(
            text("parameters"), .moduleParameters, place: "/sys/module", max: HostOptions.parametersMax)
            + HostOptions.options(
                config, .kernelConfig, place: String(path.prefix(HostOptions.lineBytesMax)),
                max: HostOptions.configLinesMax)
    }

    private static func group(_ node: JSONNode, _ bytesMax: Int, _ problems: ProblemList) -> Group? {
        guard var reader = ObjectReader(node, problems) else { return nil }
        defer { reader.finish() }
        let id = reader.required("id")
        let number = id?.string(bytesMax: 20, problems).flatMap { DecimalLiteral.parse(Array($0.utf8)) }
        if let id, id.kind == .string, number == nil {
            problems.add(id.pointer, "not-a-number", "A group's id is its decimal number, as a string.")
        }
        let type = present(reader.optional("type"))?.string(
            bytesMax: NativePlatform.nameBytesMax, problems)
        let devices = NativePlatform.list(
            reader.optional("devices"), max: devicesPerGroupMax, problems
        ) { $0.line(bytesMax: NativePlatform.nameBytesMax, problems) }
        let paths = Self.paths(reader.optional("paths"), devices.count, problems)
        let text = present(reader.optional("reserved_regions"))?.string(bytesMax: bytesMax, problems)
        guard let number else { return nil }
        return Group(
            number: number, type: type, devices: devices, paths: paths,
            reservedRegions: text.map { Array($0.utf8) })
    }

    /// As many as there are devices; unknown ones when the collector did not say.
    private static func paths(_ node: JSONNode?, _ count: Int, _ problems: ProblemList) -> [String?] {
        let unknown = [String?](repeating: nil, count: count)
        guard let node = present(node), let nodes = node.elements(countMax: devicesPerGroupMax, problems)
        else { return unknown }
        guard nodes.count == count else {
            problems.add(
                node.pointer, "wrong-count",
                "\(nodes.count) paths for \(count) devices; send null for an unknown path.")
            return unknown
        }
        return nodes.map { present($0)?.string(bytesMax: pathBytesMax, problems) }
    }

    private static func hex(_ node: JSONNode?, _ bytesMax: Int, _ problems: ProblemList) -> [UInt8]? {
        present(node).flatMap { bytes($0, bytesMax, problems) }
    }

    /// An element of a list, which has to be there.
    private static func bytes(_ node: JSONNode, _ bytesMax: Int, _ problems: ProblemList) -> [UInt8]? {
        guard let text = node.string(bytesMax: bytesMax, problems) else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.utf8.count / 2)
        var high: UInt8?
        for digit in text.utf8 {
            guard let value = HexLiteral.digit(digit) else {
                problems.add(
                    node.pointer, "not-hex", "Send two hex digits for each byte, with nothing between them.")
                return nil
            }
            if let first = high {
                bytes.append(first << 4 | value)
                high = nil
            } else {
                high = value
            }
        }
        guard high == nil else {
            problems.add(node.pointer, "not-hex", "An odd number of hex digits.")
            return nil
        }
        return bytes
    }
}
