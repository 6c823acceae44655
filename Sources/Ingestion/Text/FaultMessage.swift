// What one line of a kernel log says of an SMMU: which driver speaks, of which device, the message, whatever
// stamps and colours the log has around it, and the names and numbers in it. Mail and terminals break long
// lines; a message that ends before its driver would end it takes the next line on, if that continues it.

import AddressSpaces
import Machines

/// A message of an SMMU driver.
struct FaultMessage {
    let driver: SMMUFault.Driver
    /// Empty when the line holds the message alone.
    let smmu: String
    private(set) var text: [UInt8]
    let line: Int
    /// The line as text, for an answer.
    let shown: String

    private static let continuationsMax = 6
    private static let nameBytesMax = 64
    private static let driverBytesMax = SMMUFault.Driver.allCases.map(\.rawValue.utf8.count).max() ?? 0
    private static let mark = Array("arm-smmu".utf8)
    private var continuations = 0

    /// nil when the line is not one of an SMMU driver. `expectsBare` when a bare message may continue
    /// another.
    init?(_ line: TextLines.Line, expectsBare: Bool = false) {
        let bytes = Self.withoutColours(line.bytes)
        self.line = line.number
        shown = line.shown
        if let (driver, smmu, text) = Self.named(bytes) {
            (self.driver, self.smmu) = (driver, smmu)
            self.text = Array(Self.withoutTabs(text))
        } else if let (driver, text) = Self.bare(bytes, expectsBare) {
            (self.driver, smmu) = (driver, "")
            self.text = Array(text)
        } else {
            return nil
        }
    }

    /// `arm-smmu 64000000.iommu: message`, after whatever stamps the log has.
    private static func named(
        _ bytes: ArraySlice<UInt8>
    ) -> (driver: SMMUFault.Driver, smmu: String, message: ArraySlice<UInt8>)? {
        var at = bytes.startIndex
        while at + mark.count < bytes.endIndex {
            defer { at += 1 }
            guard bytes[at] == mark[0], bytes[at..<at + mark.count].elementsEqual(mark),
                at == bytes.startIndex || !isOfName(bytes[at - 1])
            else { continue }
            // No further than a driver's name goes: such marks may stand in a row.
            let driver = bytes[at...].prefix(driverBytesMax + 1).prefix { $0 != 0x20 }
            guard let kind = SMMUFault.Driver(rawValue: TextLines.string(driver)) else { continue }
            let behind = bytes[driver.endIndex...].drop(while: TextLines.isBlank)
            // A node without registers has a colon in its name: "soc:iommu".
            guard
                let end = behind.indices.prefix(nameBytesMax + 1).first(where: { place in
                    behind[place] == 0x3a
                        && (place + 1 == behind.endIndex || TextLines.isBlank(behind[place + 1]))
                }), end > behind.startIndex, !behind[..<end].contains(where: TextLines.isBlank)
            else { continue }
            return (kind, TextLines.string(behind[..<end]), behind[(end + 1)...])
        }
        return nil
    }

    private static func isOfName(_ byte: UInt8) -> Bool {
        HexLiteral.digit(byte) != nil || (0x67...0x7a).contains(byte | 0x20)
            || [0x2d, 0x2e, 0x2f, 0x5f].contains(byte)
    }

    /// A message whose driver was cut away, with the stamps or without.
    private static func bare(
        _ bytes: ArraySlice<UInt8>, _ expectsMore: Bool
    ) -> (SMMUFault.Driver, ArraySlice<UInt8>)? {
        let text = withoutStamps(bytes)
        func starts(_ words: [String]) -> Bool { words.contains { text.starts(with: Array($0.utf8)) } }
        if starts(["Unhandled context fault:", "Unexpected global fault,", "Blocked unknown Stream ID 0x"])
            || expectsMore && starts(["FSR ", "FSYNR0 ", "GFSR "])
        {
            return (.armSMMU, text)
        }
        if starts(["event 0x", "event: F_", "event: C_", "event: E_", "unexpected PRI request received:"])
            || expectsMore && starts(["0x", "priv ", "unpriv ", "sid 0x", "event: UNKNOWN "])
        {
            return (.armSMMUv3, text)
        }
        return nil
    }

    /// Without `<3>`, `[   12.345678] `, `[ C0] ` and quotation marks of mail in front.
    private static func withoutStamps(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var text = bytes
        while let first = text.first {
            let close: UInt8? = first == 0x3c ? 0x3e : first == 0x5b ? 0x5d : nil
            if let close, let end = text.prefix(nameBytesMax).firstIndex(of: close) {
                text = text[(end + 1)...]
            } else if TextLines.isBlank(first) || first == 0x3e {
                text = text.dropFirst()
            } else {
                break
            }
        }
        return withoutTabs(text)
    }

    /// Without the tabs in front, also as syslog daemons and /dev/kmsg write them.
    private static func withoutTabs(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var text = bytes.drop(while: TextLines.isBlank)
        while let tab = ["#011", "\\x09"].first(where: { text.starts(with: Array($0.utf8)) }) {
            text = text.dropFirst(tab.utf8.count).drop(while: TextLines.isBlank)
        }
        return text
    }

    /// Without the escape sequences with which `dmesg --color` paints.
    private static func withoutColours(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        guard bytes.contains(0x1b) else { return bytes }
        var kept: [UInt8] = []
        var isEscape = false
        for byte in bytes {
            if isEscape {
                isEscape = !(0x40...0x7e).contains(byte) || byte == 0x5b
            } else if byte == 0x1b {
                isEscape = true
            } else {
                kept.append(byte)
            }
        }
        return kept[...]
    }
}

extension FaultMessage {
    /// What drivers call the numbers of their messages, as it stands in front of them.
    private static let names = [
        "fsr=", "iova=", "fsynr=", "fsynr0=", "fsynr1=", "cbfrsynra=", "cb=", "client:", "sid:", "ssid:",
        "iova:", "ipa:", "fetch_addr:", "GFSR", "GFSYNR0", "GFSYNR1", "GFSYNR2",
    ]

    /// Whether something is missing that the driver always prints at the end.
    var isCut: Bool {
        let fields = FaultFields(text[...])
        let words = text.split(whereSeparator: TextLines.isBlank)
        switch driver {
        case .armSMMU:
            if text.starts(with: Array("Unhandled".utf8)) {
                return (fields.text("cb") ?? "").isEmpty
            }
            return fields["GFSR"] != nil && fields["GFSYNR2"] == nil
        case .armSMMUv3:
            guard words.first?.elementsEqual("event:".utf8) == true else { return false }
            let number = words.count > 1 ? SMMUFault.eventNumber(named: TextLines.string(words[1])) : nil
            let last = number.map { (0x10...0x13).contains($0) } == true ? "ipa" : "ssid"
            return fields[last] == nil
        }
    }

    /// The message with the next line; nil when that does not continue it.
    func continued(by line: TextLines.Line) -> FaultMessage? {
        guard continuations < Self.continuationsMax, isCut, FaultMessage(line) == nil else { return nil }
        let more = line.bytes.drop { TextLines.isBlank($0) || $0 == 0x3e }
        let token = TextLines.string(more.prefix { !TextLines.isBlank($0) })
        let lastWord = TextLines.string(text.reversed().prefix { !TextLines.isBlank($0) }.reversed())
        func isNamed(_ words: String) -> Bool { Self.names.contains { words.hasPrefix($0) } }
        let separator: [UInt8]
        if !lastWord.isEmpty, !isNamed(lastWord), isNamed(lastWord + token) {
            separator = []
        } else if isNamed(token) {
            separator = [0x20]
        } else if lastWord.hasSuffix(":"), token.hasPrefix("0x") {
            separator = [0x20]
        } else if Self.isNumberBroken(lastWord, token) {
            separator = []
        } else if Self.opening.starts(with: text), (text + [0x20] + more).starts(with: Self.opening) {
            separator = [0x20]
        } else {
            return nil
        }
        var whole = self
        whole.text += separator + more
        whole.continuations += 1
        return whole
    }

    private static let opening = Array("Unhandled context fault:".utf8)

    /// Whether a number was broken in two, or from its comma: "iova=0" and "x40,".
    private static func isNumberBroken(_ lastWord: String, _ token: String) -> Bool {
        if token.hasPrefix(",") { return true }
        if token.hasPrefix("x") { return lastWord.hasSuffix("=0") || lastWord == "0" }
        guard lastWord.hasSuffix("=") || lastWord.contains("0x"), !lastWord.hasSuffix(",") else {
            return false
        }
        let digits = token.hasPrefix("0x") ? token.dropFirst(2) : token[...]
        return TextLines.bareHex(digits.utf8.prefix { $0 != 0x2c }) != nil
    }
}

/// The fields of one message.
struct FaultFields {
    private var values: [(name: String, text: ArraySlice<UInt8>)] = []
    /// The first number that stands alone.
    private(set) var firstNumber: UInt64?

    private static let fieldsMax = 32

    init(_ message: ArraySlice<UInt8>) {
        let tokens = message.split { TextLines.isBlank($0) || $0 == 0x2c || $0 == 0x3b }
        var name: ArraySlice<UInt8>?
        for token in tokens.prefix(4 * Self.fieldsMax) where values.count < Self.fieldsMax {
            if let equals = token.firstIndex(of: 0x3d), equals > token.startIndex {
                values.append((TextLines.string(token[..<equals]), token[(equals + 1)...]))
                name = nil
                continue
            }
            if firstNumber == nil { firstNumber = TextLines.prefixedHex(token) }
            if let before = name {
                values.append((TextLines.string(before), token))
            }
            name = token.last == 0x3a ? token.dropLast() : token
        }
    }

    /// The hex number of a name.
    subscript(name: String) -> UInt64? {
        text(of: name).flatMap { TextLines.prefixedHex($0) ?? ($0.elementsEqual([0x30]) ? 0 : nil) }
    }

    func u32(_ name: String) -> UInt32? { self[name].flatMap(UInt32.init(exactly:)) }

    /// The decimal number of a name.
    func decimal(_ name: String) -> UInt64? { text(of: name).flatMap { DecimalLiteral.parse($0) } }

    func text(_ name: String) -> String? { text(of: name).map { TextLines.string($0.prefix(64)) } }

    private func text(of name: String) -> ArraySlice<UInt8>? {
        values.first { $0.name == name }?.text
    }
}
