// The native model: a platform as JSON, for orchestrators that know their machines and for what no firmware
// table says. Every mistake is reported at once, with its pointer.

import AddressSpaces
public import JSON
public import Machines

/// Reads the native JSON model of a platform.
public enum NativePlatform {
    /// What is wrong with an id of no bytes.
    package static let emptyID = "An id has at least one character."
    static let nameBytesMax = 1_024
    public static let smmusMax = 1_024
    public static let controllersMax = 4_096
    public static let listMax = 4_096

    /// The platform; what is wrong goes to `problems`, and then the result is void.
    public static func read(_ root: JSONNode, _ problems: ProblemList) -> Platform {
        var platform = Platform(source: .json)
        guard var reader = ObjectReader(root, problems) else { return platform }
        platform.model = reader.optional("model")?.line(bytesMax: nameBytesMax, problems)
        platform.compatible = names(reader.optional("compatible"), problems)
        platform.smmus = list(reader.optional("smmus"), max: smmusMax, problems) { smmu($0, problems) }
        platform.msiControllers = list(reader.optional("msi_controllers"), max: controllersMax, problems) {
            controller($0, problems)
        }
        var regions = 0
        var findings = FindingList()
        platform.devices = list(reader.required("devices"), max: PlatformLimits.devicesMax, problems) {
            NativeDevice.read($0, problems, &findings)
        }
        platform.findings = findings.findings
        for device in platform.devices {
            regions += device.firmwareRegions.count + device.pciWindows.count + device.inboundWindows.count
        }
        if regions > PlatformLimits.regionsMax {
            problems.add(
                "/devices", "too-many", "\(regions) regions; the limit is \(PlatformLimits.regionsMax)."
            )
        }
        reader.finish()
        check(platform, problems)
        return platform
    }

    /// Ids are unique, and references reach something.
    private static func check(_ platform: Platform, _ problems: ProblemList) {
        unique(platform.smmus.map(\.id), "/smmus", problems)
        unique(platform.msiControllers.map(\.id), "/msi_controllers", problems)
        unique(platform.devices.map(\.id), "/devices", problems)
        let smmus = Set(platform.smmus.map(\.id))
        let controllers = Set(platform.msiControllers.map(\.id))
        for (index, device) in platform.devices.enumerated() {
            for name in device.smmus where !smmus.contains(name) {
                problems.add("/devices/\(index)/smmus", "unknown-reference", "No SMMU \"\(name)\" in /smmus.")
            }
            for name in device.msiControllers where !controllers.contains(name) {
                problems.add(
                    "/devices/\(index)/msi_controllers", "unknown-reference",
                    "No MSI controller \"\(name)\" in /msi_controllers.")
            }
        }
    }

    static func unique(_ ids: [String], _ pointer: String, _ problems: ProblemList) {
        var seen: Set<String> = []
        for (index, id) in ids.enumerated() where !seen.insert(id).inserted {
            problems.add(
                "\(pointer)/\(index)/id", "duplicate-id", "The id \"\(id)\" appears earlier in the list.")
        }
    }

    private static func smmu(_ node: JSONNode, _ problems: ProblemList) -> SMMU? {
        guard var reader = ObjectReader(node, problems) else { return nil }
        let id = reader.required("id")?.line(bytesMax: nameBytesMax, problems)
        let versions = SMMU.Version.allCases.map { (word: $0.rawValue, value: $0) }
        let version = reader.required("version")?.choice(versions, problems)
        let compatible = names(reader.optional("compatible"), problems)
        let registers = reader.optional("registers").flatMap { range($0, problems) }
        let enabled = reader.optional("enabled").map { $0.bool(problems) } ?? true
        reader.finish()
        guard let id, let version, let enabled else { return nil }
        return SMMU(
            id: id, version: version, compatible: compatible,
            registers: registers.map { [PhysicalRange(proven: $0.start, $0.last)] } ?? [], enabled: enabled,
            iommuCells: 1, coherentWalk: false)
    }

    private static func controller(_ node: JSONNode, _ problems: ProblemList) -> MSIController? {
        guard var reader = ObjectReader(node, problems) else { return nil }
        let id = reader.required("id")?.line(bytesMax: nameBytesMax, problems)
        let kinds = MSIController.Kind.allCases.map { (word: $0.rawValue, value: $0) }
        let kind = reader.required("kind")?.choice(kinds, problems)
        let doorbell = reader.optional("doorbell").flatMap { $0.kind == .null ? nil : $0.u64(problems) }
        let enabled = reader.optional("enabled").map { $0.bool(problems) } ?? true
        let compatible = names(reader.optional("compatible"), problems)
        reader.finish()
        guard let id, let kind, let enabled else { return nil }
        return MSIController(
            id: id, kind: kind, compatible: compatible, doorbell: doorbell.map(PhysicalAddress.init),
            enabled: enabled)
    }

    static func range(_ node: JSONNode, _ problems: ProblemList) -> (start: UInt64, last: UInt64)? {
        guard var reader = ObjectReader(node, problems) else { return nil }
        defer { reader.finish() }
        return reader.range()
    }

    static func names(_ node: JSONNode?, _ problems: ProblemList) -> [String] {
        list(node, max: listMax, problems) { $0.line(bytesMax: nameBytesMax, problems) }
    }

    static func list<Element>(
        _ node: JSONNode?, max: Int, _ problems: ProblemList, _ read: (JSONNode) -> Element?
    ) -> [Element] {
        node?.elements(countMax: max, problems)?.compactMap(read) ?? []
    }
}
