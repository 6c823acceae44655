// What NVIDIA's Linux for Tegra adds to a context fault: the stream with the name of its client, and the
// entries of the page table, of which one that is zero says that nothing is mapped.

import AddressSpaces
import Machines

extension FaultForm {
    /// The same on a line of its own: `sid=17(0x11 - AFI)`, `pgd=25bec9003, ..., pte=0`.
    static let tableEntries = FaultForm(
        driver: .armSMMU, continuations: ["sid=", "SID=", "pgd=", "pud=", "pmd=", "pte="]
    ) { reading, message in
        guard ["sid=", "SID=", "pgd=", "pud=", "pmd=", "pte="].contains(where: message.starts),
            reading.latest(message.smmu)?.event == "context fault"
        else { return false }
        let fields = FaultFields(message.text[...])
        reading.change(message.smmu) { fault in
            fault.settle(\.streamID, fields.u32("SID").map { $0 & 0xffff })
            fault.applyTableEntries(message.text[...], fields)
        }
        return true
    }
}

extension SMMUFault {
    private static let levels = ["pgd", "pud", "pmd", "pte"]
    private static let nameBytesMax = 64

    /// Takes over a client and the table's entries, where a message has them.
    mutating func applyTableEntries(_ text: ArraySlice<UInt8>, _ fields: FaultFields) {
        if let stream = Self.namedStream(text) {
            format = .l4t
            settle(\.streamID, stream.id)
            if stream.id == nil { isIncomplete = true }
            settle(\.client, stream.client)
        }
        for level in Self.levels {
            guard let text = fields.text(level), let entry = TextLines.bareHex(text.utf8) else { continue }
            format = .l4t
            registers.append(.init(level, entry))
            if entry == 0, cause == .other { cause = .translation }
        }
    }

    /// `sid=17(0x11 - AFI)`: the number twice, which have to agree, and the client.
    private static func namedStream(_ text: ArraySlice<UInt8>) -> (id: UInt32?, client: String?)? {
        let name = Array("sid=".utf8)
        guard
            let at = text.indices.first(where: { place in
                text[place...].starts(with: name)
                    && (place == text.startIndex || TextLines.isBlank(text[place - 1])
                        || text[place - 1] == 0x2c)
            })
        else { return nil }
        let value = text[(at + name.count)...]
        let decimal = value.prefix { DecimalLiteral.isDigit($0) }
        let rest = value[decimal.endIndex...]
        guard rest.first == 0x28 else { return nil }
        let hex = rest.dropFirst().prefix { !TextLines.isBlank($0) && $0 != 0x29 }
        guard let number = DecimalLiteral.parse(decimal), TextLines.prefixedHex(hex) == number else {
            return (nil, nil)
        }
        let behind = rest[hex.endIndex...].prefix(nameBytesMax)
        let words = behind.prefix { $0 != 0x29 }.split(whereSeparator: TextLines.isBlank)
        let isNamed = words.count > 1 && words[0].elementsEqual([0x2d]) && behind.contains(0x29)
        let client = isNamed ? words[1...].map { TextLines.string($0) }.joined(separator: " ") : nil
        return (UInt32(exactly: number), client)
    }
}
