// Outbound windows of host bridges from two sources that may contradict each other: a boot log, /proc/iomem,
// a DSDT. What only one of them has counts as a window, so that none is missed, and a finding says so.

import AddressSpaces
import Machines

/// What one source says of the windows, by PCI segment.
struct WindowSource {
    /// For sentences: `the log`.
    let name: String
    /// Where findings about it are.
    let place: String
    /// A segment without windows has an empty list; one that the source does not know has none.
    let windows: [UInt32: [PCIWindow]]

    /// Its windows, and what only the other source has. It denies nothing of bridges that it does not name.
    func joined(with other: WindowSource, _ findings: inout FindingList) -> [UInt32: [PCIWindow]] {
        var joined = windows
        for (segment, others) in other.windows.sorted(by: { $0.key < $1.key }) {
            guard let own = joined[segment] else {
                joined[segment] = others
                continue
            }
            let (ownSet, otherSet) = (Self.addresses(own), Self.addresses(others))
            let missing = otherSet.subtracting(ownSet).ranges
            for range in missing {
                findings.note(
                    .warning, "windows-contradict", place,
                    "\(other.sentenceStart) has \(range.text) for host bridges of segment \(segment), and "
                        + "\(name) does not; it counts as a window.")
            }
            for range in ownSet.subtracting(otherSet).ranges {
                findings.note(
                    .warning, "windows-contradict", place,
                    "\(sentenceStart) has window \(range.text) on segment \(segment), and \(other.name) does "
                        + "not; it counts as a window.")
            }
            joined[segment] = own + missing.map(IOMemText.window)
        }
        for (segment, own) in windows.sorted(by: { $0.key < $1.key })
        where other.windows[segment] == nil && !Self.addresses(own).isEmpty {
            findings.note(
                .warning, "windows-contradict", place,
                "\(sentenceStart) has windows on segment \(segment), and \(other.name) has none there; they count."
            )
        }
        return joined
    }

    /// Findings where another source has other windows on a segment that both name. This one counts.
    func overrule(_ other: WindowSource, _ findings: inout FindingList) {
        for (segment, own) in windows.sorted(by: { $0.key < $1.key }) {
            guard let others = other.windows[segment] else { continue }
            let (ownSet, otherSet) = (Self.addresses(own), Self.addresses(others))
            let extra = ownSet.subtracting(otherSet).ranges.first
            guard let range = extra ?? otherSet.subtracting(ownSet).ranges.first else { continue }
            let (has, lacks) = extra == nil ? (other, self) : (self, other)
            findings.note(
                .warning, "windows-contradict", place,
                "\(has.sentenceStart) has \(range.text) for host bridges of segment \(segment), and "
                    + "\(lacks.name) does not; \(name) counts.")
        }
    }

    private var sentenceStart: String { name.prefix(1).uppercased() + name.dropFirst() }

    /// CPU addresses of windows.
    static func addresses(_ windows: [PCIWindow]) -> IOVASet {
        IOVASet(
            windows.filter { $0.kind == .memory }.compactMap {
                IOVARange(start: IOVA($0.cpuStart), size: $0.size)
            })
    }
}
