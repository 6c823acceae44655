// Which device a stream ID stands for, in words. A stream ID is not a PCI address: only the log itself or the
// platform's map says whose it is, and with neither nothing is said.

import AddressSpaces
import Machines

extension FaultScene {
    /// Requesters of a shared stream that a sentence shows.
    private static let requestersShownMax = 3

    /// " (stream ID 0x102, 0000:01:00.2)", with what the log or the map says of the device.
    var streamPhrase: String {
        guard let stream = fault.streamID else { return fault.client.map { " (\($0))" } ?? "" }
        let id = HexLiteral.text(UInt64(stream))
        if let client = fault.client { return " (stream ID \(id), \(client))" }
        guard let first = devices.first else { return " (stream ID \(id))" }
        guard devices.count == 1 else { return " (stream ID \(id), \(first.id) or another device)" }
        let entries = first.entries(of: stream, on: smmuIDs)
        let isShared = first.sharing(entries, showing: 1) != nil
        let function = isShared ? nil : first.mapped(entries)
        let place = function.map { ", there \(Platform.address($0))" } ?? ""
        return " (stream ID \(id), \(first.id)\(place))"
    }

    /// What comes before everything else: the log is not this machine's. Ends with a blank.
    var machineRemark: String {
        let what: String
        switch stranger {
        case nil: return ""
        case .driver:
            what = "The log is of \(fault.driver.rawValue), and this machine has no SMMU of that driver"
        case .address:
            what = "The log names the SMMU \(fault.smmu), and this machine has no SMMU at that address"
        }
        return "\(what): check that it is the right machine. "
    }

    /// What a reader has to know of the stream besides: nobody has it, or several do. Begins with a blank.
    var streamRemark: String {
        guard let stream = fault.streamID else { return "" }
        let id = HexLiteral.text(UInt64(stream))
        guard !devices.isEmpty else {
            return knowsStreams && stranger != .driver
                ? " No device here uses stream \(id)\(smmu.map { " of \($0.id)" } ?? "")." : ""
        }
        for device in devices {
            let entries = device.entries(of: stream, on: smmuIDs)
            if let sharing = device.sharing(entries, showing: Self.requestersShownMax) {
                return " Stream \(id) is shared: \(sharing) The log cannot say which of them it was."
            }
        }
        return ""
    }
}

extension Device {
    /// Bits of a PCI requester ID: bus, device, function.
    private static let requesterBits: UInt32 = 0xffff

    /// Bits of a PCI requester ID that are not looked up.
    var maskedBits: UInt32 { ~requesterMask & Self.requesterBits }

    /// Why several requesters have the one stream ID of these entries; nil when they do not.
    fileprivate func sharing(_ entries: [StreamEntry], showing most: Int) -> String? {
        guard isPCI else { return nil }
        for entry in entries {
            switch entry.mapping.kind {
            case .specifier: continue
            case .constant(let base, let length, _):
                guard length > 1 else { continue }
                return "firmware gives it to the requesters \(Platform.address(base)) to "
                    + "\(Platform.address(base &+ (length - 1))) of \(id)."
            case .idMap:
                guard maskedBits != 0, let one = entry.requester else { continue }
                return folded(one, maskedBits, most)
            }
        }
        return nil
    }

    /// The requesters that differ only in the bits that iommu-map-mask leaves out.
    private func folded(_ requester: UInt32, _ free: UInt32, _ most: Int) -> String {
        var shown: [String] = []
        var bits: UInt32 = 0
        repeat {
            shown.append(Platform.address(requester & ~free | bits))
            // The next subset of the free bits.
            bits = bits &- free & free
        } while bits != 0 && shown.count < most
        return "iommu-map-mask \(HexLiteral.text(UInt64(requesterMask))) of \(id) gives it to "
            + "\(shown.joined(separator: ", "))\(1 << free.nonzeroBitCount > shown.count ? " and others" : "")."
    }
}

extension StreamMapping {
    /// Whether it names a stream ID: a caller may give only the SMMU.
    var hasIDs: Bool {
        switch kind {
        case .specifier(let cells): !cells.isEmpty
        case .idMap(_, let length, let output): length > 0 && !output.isEmpty
        case .constant(_, let length, _): length > 0
        }
    }
}
