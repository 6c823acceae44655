// One host of a survey while its devices are looked at: what its rows add up to, and a digest of what they
// say, by which hosts are of one kind whatever they are called.

import AddressSpaces
import MSIWindows
import Machines

/// What the rows of one host add up to.
struct HostTally: Sendable {
    /// How one policy fares on the host.
    struct Policy: Sendable {
        var fits = 0
        var conflicts = 0
        var conditional = 0
        var moved = 0
    }

    let host: HostName
    private(set) var policies: [Policy]
    /// The first ones; how many there are the policies say.
    private(set) var conflicts: [Survey.Conflict] = []
    /// Devices by their places.
    private(set) var kinds: [WindowBases: Int] = [:]
    /// Bases at which a device fails.
    private(set) var failing = BaseBits()
    private(set) var deviceCount = 0

    init(_ host: HostName, policies: Int) {
        self.host = host
        self.policies = Array(repeating: Policy(), count: policies)
    }

    /// Devices times policies that conflict.
    var conflictCount: Int { policies.reduce(0) { $0 + $1.conflicts } }

    mutating func add(_ row: SurveyRow, _ names: [SurveyPolicy]) {
        for (index, cell) in row.cells.enumerated() { count(cell, of: row, index, names[index]) }
        let places = WindowBases(row.places)
        if kinds.updateValue(kinds[places, default: 0] + 1, forKey: places) == nil {
            for gap in places.gaps { failing.insert(gap) }
        }
        deviceCount += 1
    }

    private mutating func count(
        _ cell: SurveyRow.Cell, of row: SurveyRow, _ index: Int, _ policy: SurveyPolicy
    ) {
        let needsNone = cell.base == nil && cell.fits
        if cell.base != WindowSource.mainlineBase, !needsNone { policies[index].moved += 1 }
        guard !cell.fits else {
            policies[index].fits += 1
            return
        }
        policies[index].conflicts += 1
        if cell.reachability == .conditional { policies[index].conditional += 1 }
        guard conflicts.count < Survey.conflictsMax else { return }
        conflicts.append(
            Survey.Conflict(
                host: host, row: deviceCount, policyPlace: index, device: row.device, policy: policy.name,
                base: cell.base, reachability: cell.reachability, reasons: cell.reasons))
    }
}

/// A digest of all that rows say but the name of their host.
struct RowsDigest: Sendable {
    private(set) var value: UInt64 = 0

    private mutating func feed(_ word: UInt64) { value = WordDigest.mixed(value, word) }

    private mutating func feed(_ text: String) {
        var text = text
        feed(text.withUTF8 { WordDigest.of(UnsafeRawBufferPointer($0)) })
    }

    mutating func feed(_ row: SurveyRow) {
        feed(row.device)
        feed(row.kind.rawValue)
        feed(row.isActive ? 1 : 0)
        feed(row.cells)
        feed(WindowBases(row.places).digest)
        for other in row.ifReported {
            feed(UInt64(other.regions.count))
            feed(other.cells)
        }
    }

    private mutating func feed(_ cells: [SurveyRow.Cell]) {
        for cell in cells {
            feed(cell.base ?? .max)
            feed(cell.base == nil ? 1 : 0)
            switch cell.reachability {
            case .no: feed(0)
            case .conditional: feed(1)
            case .yes: feed(2)
            }
            feed(UInt64(cell.reasons.count))
            for reason in cell.reasons { feed(reason) }
        }
    }
}

/// Hosts of one kind: the survey says the same of each but for its name.
public struct WorstHosts: Comparable, Sendable {
    /// Devices times policies that conflict on each of them.
    public let conflicts: Int
    /// Of what the survey says of each device.
    public let digest: UInt64
    public let devices: Int
    public fileprivate(set) var hosts: Int
    fileprivate var first: HostName
    /// The first of them by name.
    public var host: String { first.text }

    package init(conflicts: Int, digest: UInt64, devices: Int, hosts: Int, host: String) {
        self.conflicts = conflicts
        self.digest = digest
        self.devices = devices
        self.hosts = hosts
        first = HostName(host)
    }

    /// Most conflicts first.
    public static func < (one: Self, other: Self) -> Bool {
        (-one.conflicts, one.digest, one.devices) < (-other.conflicts, other.digest, other.devices)
    }

    public static func == (one: Self, other: Self) -> Bool { !(one < other) && !(other < one) }
}

/// The kinds of hosts with the most conflicts. A kind's place depends on nothing but what it is, so that one
/// that is among the first of all hosts is among the first of each part that has it, and no count is lost.
struct WorstHostList: Sendable {
    private(set) var kinds: [WorstHosts] = []

    mutating func add(_ more: WorstHosts) {
        let place = kinds.partitioningIndex { !($0 < more) }
        if place < kinds.count, kinds[place] == more {
            kinds[place].hosts += more.hosts
            kinds[place].first = min(kinds[place].first, more.first)
            return
        }
        guard place < Survey.worstHostsMax else { return }
        kinds.insert(more, at: place)
        if kinds.count > Survey.worstHostsMax { kinds.removeLast() }
    }
}
