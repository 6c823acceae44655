// A platform that the server knows, under its id: an immutable value, so that readers leave the store's lock
// with a reference. Devices are looked up here, with one sentence for a name that is not known.

import AddressSpaces
import JSON
import Locking
import MSIWindows
import Machines

/// Who gave a platform to the service.
enum PlatformOrigin: Sendable {
    case builtIn
    /// Whoever runs the service: the server's own host, a command's files.
    case offered
    case uploaded
}

/// A platform under its id.
final class PlatformEntry: Sendable {
    let id: String
    let platform: Platform
    let origin: PlatformOrigin
    /// Of what was ingested and how: the same for the same machine, whoever uploads it and under whatever id.
    let digest: String
    /// Strong entity tag, quotes included: a digest of what was ingested, how, whose it is, how long it stays
    /// and how it is labelled.
    let etag: String
    /// The same without the labels.
    private let unlabelledTag: String
    let labels: PlatformLabels
    /// Estimate of the memory that the entry takes.
    let costBytes: Int
    /// The token that uploaded it, by its name.
    let owner: String?
    /// Whose it counts as; only an uploaded one's counts.
    let client: String
    /// Milliseconds since 1970 in UTC; nil where it stays until somebody removes it.
    let expiresAt: UInt64?
    /// Distinguishes this machine from every other, also from one that replaces it under its id. Labels do
    /// not change it.
    let serial: UInt64
    /// Whether it is known of devices which IOMMU group they are in.
    let hasGroups: Bool
    private let deviceIndex: DeviceIndex
    private let doorbellIndex: DoorbellIndex

    /// What is special about a built-in one.
    let summary: String?

    init(
        id: String, platform: Platform, origin: PlatformOrigin, etag: String, digest: String? = nil,
        costBytes: Int, owner: String? = nil, client: String = "", expiresAt: UInt64? = nil,
        summary: String? = nil
    ) {
        self.id = id
        self.platform = platform
        self.origin = origin
        self.summary = summary
        self.etag = etag
        self.digest = String((digest ?? etag).filter { $0 != "\"" })
        unlabelledTag = etag
        labels = PlatformLabels()
        self.costBytes = costBytes
        self.owner = owner
        self.client = client
        self.expiresAt = expiresAt
        serial = Self.nextSerial()
        deviceIndex = DeviceIndex(platform)
        doorbellIndex = DoorbellIndex(platform)
        hasGroups = platform.devices.contains { $0.groupNumber != nil }
    }

    /// The same platform under another id or with other labels.
    private init(_ other: PlatformEntry, id: String, serial: UInt64, labels: PlatformLabels) {
        self.id = id
        self.serial = serial
        self.labels = labels
        platform = other.platform
        origin = other.origin
        digest = other.digest
        unlabelledTag = other.unlabelledTag
        etag = labels.isEmpty ? unlabelledTag : EntityTag.of([], with: [unlabelledTag] + labels.words)
        costBytes = other.costBytes - other.labels.costBytes + labels.costBytes
        owner = other.owner
        client = other.client
        expiresAt = other.expiresAt
        hasGroups = other.hasGroups
        deviceIndex = other.deviceIndex
        doorbellIndex = other.doorbellIndex
        summary = other.summary
    }

    /// The same platform under another id: what was made of it under this one is not its.
    func renamed(_ id: String) -> PlatformEntry {
        PlatformEntry(self, id: id, serial: Self.nextSerial(), labels: labels)
    }

    /// The same platform with other labels: what was made of it stays.
    func labelled(_ labels: PlatformLabels) -> PlatformEntry {
        PlatformEntry(self, id: id, serial: serial, labels: labels)
    }

    private static let lastSerial = Locked<UInt64>(0)

    private static func nextSerial() -> UInt64 {
        lastSerial.withLock { last in
            last += 1
            return last
        }
    }

    /// Those of its controllers.
    func doorbells(of device: Device) -> [PhysicalAddress] { doorbellIndex.doorbells(of: device) }

    /// The same, without a copy of all that is known of the device.
    func doorbells(of prepared: PreparedDevice) -> [PhysicalAddress] {
        doorbellIndex.doorbells(
            ofControllers: prepared.device.msiControllers, or: prepared.device.firmwareRegions)
    }

    /// The id that a question about the device names: its own, with the kind where an earlier one has it too.
    func askedID(of device: Device) -> String { deviceIndex.askedID(of: device) }

    /// The device of this id, or of `id#kind`, or the PCI function of this address behind an ACPI root
    /// complex; an address may leave segment 0 out. O(1), for functions O(regions).
    func device(_ id: String) -> Device? {
        if let place = deviceIndex.place(of: id) { return platform.devices[place] }
        guard let address = Platform.fullAddress(id) else { return nil }
        return deviceIndex.place(of: address).map { platform.devices[$0] }
            ?? platform.pciFunction(address)
    }
}

enum BuiltInPlatforms {
    static let entries: [PlatformEntry] = BuiltInCatalogue.all.map { machine in
        PlatformEntry(
            id: machine.id, platform: machine.platform, origin: .builtIn,
            etag: EntityTag.of(machine.id.utf8), costBytes: 0, summary: machine.summary)
    }
}

// MARK: Names in requests

extension PlatformEntry {
    static func unknown(_ id: String) -> String {
        "No platform \"\(Excerpt.of(id))\"; GET /v1/platforms lists them."
    }

    /// The device of this name; nil, with the problem noted at `pointer`, for an unknown name.
    func device(_ name: String, at pointer: String, _ problems: ProblemList) -> Device? {
        if let device = device(name) { return device }
        problems.add(pointer, WireValue.code("unknown-device", at: pointer), unknownDevice(name))
        return nil
    }

    func unknownDevice(_ name: String) -> String {
        "No device \"\(Excerpt.of(name))\" on \(id); GET /v1/platforms/\(id)/devices lists them."
    }

    /// The devices of these names; nil where one is missing, each noted under `pointer`.
    func devices(_ names: [String], at pointer: String, _ problems: ProblemList) -> [Device]? {
        let found = names.enumerated().map { device($1, at: "\(pointer)/\($0)", problems) }
        return found.contains(nil) ? nil : found.compactMap { $0 }
    }
}

extension PlatformStore {
    /// The platform of this id; nil, with the problem noted at `pointer`, for an unknown id.
    func entry(
        _ id: String, at pointer: @autoclosure () -> String, _ problems: ProblemList
    ) -> PlatformEntry? {
        if let entry = entry(id) { return entry }
        let pointer = pointer()
        problems.add(pointer, WireValue.code("unknown-platform", at: pointer), PlatformEntry.unknown(id))
        return nil
    }
}
