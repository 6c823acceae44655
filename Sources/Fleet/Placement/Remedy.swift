// Changes to a VM or to its set of hosts after which Linux's own window works, and pairs of them: what each
// changes, and the words for it. `RemedySearch` finds those that help a placement.

public import AddressSpaces
import MSIWindows

/// One change, after which the answer is `default_works`; or two, where no one is enough.
public indirect enum Remedy: Hashable, Sendable {
    /// QEMU's page for KVM's steal time is switched off.
    case stealTimeOff
    /// BARs are not mapped for peer-to-peer DMA.
    case peerToPeerOff
    /// Nothing of the caller's own map lies there.
    case leaveFree(IOVARange)
    /// The window is as large as Linux's own.
    case windowSize(UInt64)
    /// So many doorbells fit Linux's own window.
    case doorbells(Int)
    /// RAM starts there, in bytes; the lowest base.
    case ramBase(UInt64)
    /// The most RAM, in bytes.
    case ramAtMost(UInt64)
    /// The VMM in another mode.
    case otherMode(VMM)
    /// The VM without a nested SMMUv3.
    case withoutNesting
    /// The VM does not get these devices.
    case withoutDevices([HostDevice])
    /// The VM does not run on these hosts.
    case withoutHosts([String])
    /// Each is one change, and neither helps alone.
    case both(Remedy, Remedy)

    /// Two changes, the smaller first.
    static func pair(_ one: Remedy, _ other: Remedy) -> Remedy {
        one.order <= other.order ? .both(one, other) : .both(other, one)
    }

    /// The single changes.
    public var parts: [Remedy] {
        if case .both(let one, let other) = self { return one.parts + other.parts }
        return [self]
    }

    func includes(_ change: Remedy) -> Bool { parts.contains(change) }

    /// Smaller changes come first.
    var order: Int { Kind.allCases.firstIndex(of: kind) ?? 0 }

    /// A device of a host, both by their names.
    public struct HostDevice: Hashable, Sendable {
        public var host: String
        public var device: String
    }

    /// Hosts or devices that one remedy names at most: to do without more of them is no small change.
    public static let namesMax = 16

    /// Whom a change concerns, the nearest first.
    public enum Subject: String, CaseIterable, Sendable {
        case vm, window, vmm, devices, hosts
    }

    public var subject: Subject {
        switch self {
        case .stealTimeOff, .peerToPeerOff, .leaveFree, .ramBase, .ramAtMost, .withoutNesting: .vm
        case .windowSize, .doorbells: .window
        case .otherMode: .vmm
        case .withoutDevices: .devices
        case .withoutHosts: .hosts
        case .both(_, let larger): larger.subject
        }
    }

    /// Whether it is a change of how the VM is laid out.
    var isOfLayout: Bool {
        switch self {
        case .stealTimeOff, .peerToPeerOff, .leaveFree, .ramBase, .ramAtMost, .otherMode: true
        case .windowSize, .doorbells, .withoutNesting, .withoutDevices, .withoutHosts: false
        case .both(let one, let other): one.isOfLayout && other.isOfLayout
        }
    }

    /// The change without its amount.
    public enum Kind: String, CaseIterable, Sendable {
        case stealTimeOff = "steal_time_off"
        case peerToPeerOff = "p2p_off"
        case leaveFree = "leave_free"
        case windowSize = "window_size"
        case doorbells = "doorbells_at_most"
        case ramBase = "ram_base"
        case ramAtMost = "ram_at_most"
        case otherMode = "other_mode"
        case withoutNesting = "without_nesting"
        case withoutDevices = "without_devices"
        case withoutHosts = "without_hosts"
        case both
    }

    public var kind: Kind {
        switch self {
        case .stealTimeOff: .stealTimeOff
        case .peerToPeerOff: .peerToPeerOff
        case .leaveFree: .leaveFree
        case .windowSize: .windowSize
        case .doorbells: .doorbells
        case .ramBase: .ramBase
        case .ramAtMost: .ramAtMost
        case .otherMode: .otherMode
        case .withoutNesting: .withoutNesting
        case .withoutDevices: .withoutDevices
        case .withoutHosts: .withoutHosts
        case .both: .both
        }
    }

    /// What to do, as a sentence.
    public var text: String {
        switch self {
        case .stealTimeOff: "Switch steal time off (-cpu host,kvm-steal-time=off)."
        case .peerToPeerOff: "Switch peer-to-peer DMA off: BARs are not mapped then."
        case .leaveFree(let range): "Leave \(range.text) of the guest's memory map free."
        case .windowSize(let bytes):
            "Ask for a window of \(HexLiteral.text(bytes)) bytes: Linux's own is no larger."
        case .doorbells(let count):
            "Give the VM devices with \(count) doorbells at most: no more pages fit Linux's own window."
        case .ramBase(let base): "Start RAM at \(HexLiteral.text(base)), the lowest base that works."
        case .ramAtMost(let bytes):
            "Give the VM at most \(HexLiteral.text(bytes)) bytes of RAM (\(ByteCount.text(bytes)))."
        case .otherMode(let vmm):
            "Start the guest as \(vmm.name) (\(vmm.rawValue)), which lays it out otherwise."
        case .withoutNesting: "Start the VM without a nested SMMUv3."
        case .withoutDevices(let devices):
            "Give the VM no \(devices.map { "\($0.device) of \($0.host)" }.joined(separator: ", ")): with the others "
                + "the default works."
        case .withoutHosts(let hosts):
            "Keep the VM off \(hosts.joined(separator: ", ")): on every other host the default works."
        case .both: "Do both: " + parts.map(\.text).joined(separator: " ")
        }
    }
}

/// Bytes for people.
enum ByteCount {
    private static let units = ["bytes", "KiB", "MiB", "GiB", "TiB", "PiB"]

    /// In the largest unit of which it is a whole number.
    static func text(_ bytes: UInt64) -> String {
        let step = bytes == 0 ? 0 : min(bytes.trailingZeroBitCount / 10, units.count - 1)
        return "\(bytes >> UInt64(step * 10)) \(units[step])"
    }
}
