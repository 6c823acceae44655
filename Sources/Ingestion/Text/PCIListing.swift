// `lspci -vv`: functions with their groups, BARs and the MSI address that the kernel programmed. Only root
// sees capabilities. Addresses of BARs are the CPU's; the table of MSI-X is in the device's memory, which
// lspci does not read. Mirrors pciutils 3.13: lspci.c, ls-caps.c: cap_msi and ls-kernel.c.

import AddressSpaces
import Machines

struct PCIListing {
    struct Function {
        /// With its segment: `0002:01:00.0`.
        var address: String
        var group: UInt64?
        var driver: String?
        /// Memory BARs, at CPU addresses.
        var regions: [IOVARange] = []
        /// Where MSIs are written to, while MSI is enabled.
        var msiAddress: UInt64?
        var hasMSIX = false
        var line: Int
    }

    var functions: [Function] = []
    /// Functions whose capabilities were hidden from somebody who is not root.
    var hidden = 0

    /// Whether a line begins a function: `0002:01:00.0 Ethernet controller: ...`.
    static func isLine(_ line: TextLines.Line) -> Bool { address(line) != nil }

    private static func address(_ line: TextLines.Line) -> String? {
        let words = line.words
        guard line.indentation == 0, words.count > 2,
            words.dropFirst().contains(where: { $0.last == 0x3a }), (7...16).contains(words[0].count)
        else { return nil }
        let text = TextLines.string(words[0])
        // Without segments where the machine has only the first.
        let whole = text.utf8.count == 7 ? "0000:" + text : text
        return Platform.segment(whole) == nil ? nil : whole
    }

    static func read(_ text: [UInt8]) throws(TextError) -> PCIListing {
        var listing = PCIListing()
        var isInMSI = false
        var lines = 0
        for line in TextLines(text) where !line.isBlank {
            lines += 1
            guard lines <= TextLimits.linesMax else {
                throw TextError.tooManyLines(line.number)
            }
            if let address = address(line) {
                guard listing.functions.count < PlatformLimits.devicesMax else {
                    throw TextError(line.number, "more than \(PlatformLimits.devicesMax) functions")
                }
                listing.functions.append(Function(address: address, line: line.number))
                isInMSI = false
            } else if !listing.functions.isEmpty, line.indentation > 0 {
                listing.take(line, &isInMSI)
            }
        }
        return listing
    }

    /// A line of the last function.
    private mutating func take(_ line: TextLines.Line, _ isInMSI: inout Bool) {
        let place = functions.count - 1
        let words = line.words
        func holds(_ first: String, _ second: String) -> Bool {
            words.count > 2 && words[0].elementsEqual(first.utf8) && words[1].elementsEqual(second.utf8)
        }
        if holds("IOMMU", "group:") {
            functions[place].group = DecimalLiteral.parse(words[2])
        } else if words.count == 5, holds("Kernel", "driver"), words[3].elementsEqual("use:".utf8) {
            functions[place].driver = String(TextLines.string(words[4]).prefix(64))
        } else if words[0].elementsEqual("Capabilities:".utf8) {
            let rest = words.dropFirst(2)
            isInMSI =
                rest.starts(where: { $0.elementsEqual("MSI:".utf8) })
                && rest.contains { $0.elementsEqual("Enable+".utf8) }
            if rest.starts(where: { $0.elementsEqual("MSI-X:".utf8) }),
                rest.contains(where: { $0.elementsEqual("Enable+".utf8) })
            {
                functions[place].hasMSIX = true
            }
            if words.count > 1, words[1].elementsEqual("<access".utf8) { hidden += 1 }
        } else if isInMSI, words.count > 2, words[0].elementsEqual("Address:".utf8) {
            functions[place].msiAddress = TextLines.bareHex(words[1])
            isInMSI = false
        } else if let region = Self.region(words), functions[place].regions.count < Self.regionsMax {
            functions[place].regions.append(region)
        }
    }

    /// A function has six BARs and a ROM.
    private static let regionsMax = 7

    /// `Region 0: Memory at 280000000000 (64-bit, prefetchable) [size=32M]`
    private static func region(_ words: [ArraySlice<UInt8>]) -> IOVARange? {
        guard let at = words.firstIndex(where: { $0.elementsEqual("at".utf8) }), at > 0,
            words[at - 1].elementsEqual("Memory".utf8), at + 1 < words.count,
            let start = TextLines.bareHex(words[at + 1]), let size = words.last.flatMap(size)
        else { return nil }
        return IOVARange(start: IOVA(start), size: size)
    }

    /// `[size=32M]`
    private static func size(_ word: ArraySlice<UInt8>) -> UInt64? {
        let opening = Array("[size=".utf8)
        guard word.starts(with: opening), word.last == 0x5d else { return nil }
        let text = word.dropFirst(opening.count).dropLast()
        let digits = text.prefix { DecimalLiteral.isDigit($0) }
        let units: [UInt8: UInt64] = [0x4b: 10, 0x4d: 20, 0x47: 30, 0x54: 40]
        let shift = text[digits.endIndex...].first.map { units[$0] ?? 64 } ?? 0
        guard let count = DecimalLiteral.parse(digits), count > 0, shift < 64,
            count <= UInt64.max >> shift
        else { return nil }
        return count << shift
    }
}

extension Collection {
    /// Whether the first element is one of these.
    fileprivate func starts(where isWanted: (Element) -> Bool) -> Bool { first.map(isWanted) ?? false }

}
