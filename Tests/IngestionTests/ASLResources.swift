// Lists of resources as ASL source, with what they mean: every kind of descriptor that iasl has a macro for,
// and, as bytes of a buffer, address spaces with bounds that iasl does not accept.

import SecondAML
import TestSupport

/// A list in source, and its address spaces.
struct ASLResources {
    /// An expression: a ResourceTemplate or a Buffer.
    private(set) var source = ""
    private(set) var spaces: [SecondTemplate.Space] = []
    private(set) var fixedCount = 0

    init(_ random: inout SeededGenerator) {
        let count = Int.random(in: 0...6, using: &random)
        if Int.random(in: 0..<5, using: &random) == 0 {
            var bytes: [UInt8] = []
            for _ in 0..<count { bytes += odd(&random) }
            bytes += [0x79, 0]
            // A buffer may be longer than what is written.
            let size = bytes.count + (Bool.random(using: &random) ? 0 : Int.random(in: 1...9, using: &random))
            source = "Buffer (\(size)) { \(bytes.map { "\($0)" }.joined(separator: ", ")) }"
        } else {
            let lines = (0..<count).map { _ in descriptor(&random) }
            source = "ResourceTemplate () { " + lines.joined(separator: " ") + " }"
        }
    }

    /// Whether bytes hold these address spaces and fixed ranges.
    func isSame(as bytes: [UInt8]) -> Bool {
        guard let list = try? SecondTemplate(bytes) else { return false }
        return list.spaces == spaces && list.fixedCount == fixedCount
    }

    private mutating func descriptor(_ random: inout SeededGenerator) -> String {
        switch Int.random(in: 0..<20, using: &random) {
        case 0..<10: return space(&random)
        case 10:
            fixedCount += 1
            return "Memory32Fixed (ReadWrite, 0x\(number(28, &random)), 0x1000)"
        case 11:
            fixedCount += 1
            return "Memory32 (ReadOnly, 0x1000, 0x2000, 0x1000, 0x1000)"
        case 12:
            fixedCount += 1
            return "Memory24 (ReadWrite, 0x10, 0x20, 0x10, 0x10)"
        case 13: return "IO (Decode16, 0x3F8, 0x3F8, 1, 8)"
        case 14: return "FixedIO (0x70, 2)"
        case 15: return "Interrupt (ResourceConsumer, Level, ActiveHigh, Exclusive) { 33, 40 }"
        case 16: return "IRQNoFlags () { 5 }"
        case 17: return "VendorLong () { 0x87, 0x17, 0x00, 0x79 }"
        case 18: return "VendorShort () { 0x79, 0x8A }"
        default: return "Register (SystemMemory, 32, 0, 0x\(number(28, &random)))"
        }
    }

    private func number(_ bits: Int, _ random: inout SeededGenerator) -> String {
        String(UInt64.random(in: 1..<(1 << UInt64(bits)), using: &random) & ~0xfff, radix: 16)
    }

    /// An address space with bounds that iasl accepts: the length is the range's, or less where both move.
    private mutating func space(_ random: inout SeededGenerator) -> String {
        let width = ["Word", "DWord", "QWord", "Extended"].randomElement(using: &random)!
        let bits: UInt64 = width == "Word" ? 15 : width == "DWord" ? 31 : 40
        // Extended and 16-bit spaces do not exist for every kind.
        let kinds = width == "Word" ? ["IO", "BusNumber"] : ["Memory", "IO"]
        let kind = kinds.randomElement(using: &random)!
        let isProduced = Int.random(in: 0..<4, using: &random) > 0
        let size = UInt64(1) << UInt64.random(in: 0..<bits, using: &random)
        let minimum =
            kind == "BusNumber" ? 0 : size * UInt64.random(in: 0..<(1 << bits) / size, using: &random)
        let maximum = minimum + size - 1
        let moves = Bool.random(using: &random)
        // All zeros need a tag.
        let length = moves ? UInt64.random(in: (maximum == 0 ? 1 : 0)...size, using: &random) : size
        let translates = Int.random(in: 0..<3, using: &random) == 0
        let translation = translates ? UInt64.random(in: 0..<(1 << bits), using: &random) & ~0xfff : 0
        let isPrefetchable = kind == "Memory" && Bool.random(using: &random)
        let usage = isProduced ? "ResourceProducer" : "ResourceConsumer"
        let bounds = moves ? "MinNotFixed, MaxNotFixed" : "MinFixed, MaxFixed"
        let first =
            switch kind {
            case "Memory":
                "PosDecode, \(bounds), \(isPrefetchable ? "Prefetchable" : "NonCacheable"), ReadWrite"
            case "IO": "\(bounds), PosDecode, EntireRange"
            default: "\(bounds), PosDecode"
            }
        let numbers = [0, minimum, maximum, translation, length].map { "0x" + String($0, radix: 16) }
        add(
            kind == "Memory" ? 0 : kind == "IO" ? 1 : 2, isProduced, minimum, maximum, translation, length,
            isPrefetchable)
        return "\(width)\(kind) (\(usage), \(first), \(numbers.joined(separator: ", ")))"
    }

    private mutating func add(
        _ kind: UInt8, _ isProduced: Bool, _ minimum: UInt64, _ maximum: UInt64, _ translation: UInt64,
        _ length: UInt64, _ isPrefetchable: Bool
    ) {
        spaces.append(
            .init(
                kind: kind, isProduced: isProduced, minimum: minimum, maximum: maximum,
                translation: translation, length: length, isPrefetchable: isPrefetchable))
    }

    /// An address space of any numbers, byte by byte.
    private mutating func odd(_ random: inout SeededGenerator) -> [UInt8] {
        let widths: [(UInt8, Int)] = [(0x88, 2), (0x87, 4), (0x8a, 8), (0x8b, 8)]
        let (tag, width) = widths.randomElement(using: &random)!
        let isExtended = tag == 0x8b
        let kind = [0, 0, 0, 1, 2, 0xc0].randomElement(using: &random)! as UInt8
        let general = UInt8.random(in: 0...15, using: &random)
        let flags = UInt8.random(in: 0...63, using: &random)
        let mask = width == 8 ? UInt64.max : 1 << UInt64(8 * width) - 1
        var numbers = (0..<5).map { _ in random.edgeBiased() & mask }
        if Bool.random(using: &random), numbers[1] > numbers[2] { numbers.swapAt(1, 2) }
        if Bool.random(using: &random) { numbers[3] = 0 }
        var body = LittleEndian()
        body.bytes = [kind, general, flags] + (isExtended ? [1, 0] : [])
        for number in numbers {
            for place in 0..<width { body.add(UInt8(truncatingIfNeeded: number >> UInt64(8 * place))) }
        }
        if isExtended { body.add(UInt64(0)) }
        add(
            kind, general & 1 == 0, numbers[1], numbers[2], numbers[3], numbers[4],
            kind == 0 && flags >> 1 & 3 == 3)
        return [tag, UInt8(body.bytes.count), 0] + body.bytes
    }
}
