// The list of resources that `_CRS` and `_DMA` return (ACPI 6.5, section 6.4): address spaces of 16, 32 and
// 64 bits and extended ones, and fixed memory. A descriptor of an unknown type or of a wrong length makes
// ACPICA refuse the whole list (drivers/acpi/acpica/utresrc.c: acpi_ut_validate_resource). Of an address
// space Linux takes minimum, maximum and translation; the length says only whether it is there at all
// (drivers/acpi/resource.c: acpi_decode_space, Linux 7.2).

import Machines

/// The resources in one buffer.
struct ResourceTemplate {
    struct Space: Hashable {
        enum Kind: UInt8 {
            case memory = 0
            case io = 1
            case busNumbers = 2
        }

        let kind: Kind
        /// The bridge passes it on to its bus; otherwise it uses it itself.
        let isProduced: Bool
        let isPrefetchable: Bool
        let minimum: UInt64
        let maximum: UInt64
        /// What the bridge adds to an address on its way from the bus.
        let translation: UInt64
        let length: UInt64
        /// In the buffer.
        let offset: Int
    }

    private(set) var spaces: [Space] = []
    /// Descriptors of memory that the bridge itself uses.
    private(set) var fixedMemoryCount = 0

    private static let endTag: UInt8 = 0x0f
    static let lengthMax = Int(UInt16.max)
    /// Bytes after the header, by what tells the type: the tag of a large descriptor, the upper bits of a
    /// small one's. An IRQ has flags or not, and so has the start of dependent functions.
    private static let lengths: [UInt8: ClosedRange<Int>] = [
        0x04: 2...3, 0x05: 2...2, 0x06: 0...1, 0x07: 0...0, 0x08: 7...7, 0x09: 3...3, 0x0a: 5...5,
        0x0e: 0...7, endTag: 1...1,
        0x81: 9...9, 0x82: 12...12, 0x84: 0...lengthMax, 0x85: 17...17, 0x86: 9...9, 0x87: 23...lengthMax,
        0x88: 13...lengthMax, 0x89: 6...lengthMax, 0x8a: 43...lengthMax, 0x8b: 53...53,
        // GPIO, pin function, serial buses, pin configuration, groups of pins, clock input.
        0x8c: 20...lengthMax, 0x8d: 15...lengthMax, 0x8e: 9...lengthMax, 0x8f: 17...lengthMax,
        0x90: 11...lengthMax, 0x91: 14...lengthMax, 0x92: 17...lengthMax, 0x93: 9...lengthMax,
    ]
    /// I2C, SPI, UART, CSI-2: the kinds of serial buses.
    private static let (serialBus, serialBusKinds): (UInt8, ClosedRange<UInt8>) = (0x8e, 1...4)

    /// Offsets in what is thrown count from the buffer's start.
    init(_ buffer: [UInt8]) throws(AMLRefusal) {
        let bytes = TableBytes(buffer)
        var at = 0
        while let tag = bytes.u8(at) {
            let isLarge = tag & 0x80 != 0
            let type = isLarge ? tag : tag >> 3
            guard let allowed = Self.lengths[type] else { throw AMLRefusal(.descriptorUnknown(tag), at: at) }
            let length: Int
            if isLarge {
                guard let size = bytes.u16(at + 1) else { throw AMLRefusal(.descriptorCutShort, at: at) }
                length = 3 + Int(size)
            } else {
                length = 1 + Int(tag & 7)
            }
            let content = length - (isLarge ? 3 : 1)
            guard allowed.contains(content) else {
                throw AMLRefusal(.descriptorLength(content, allowed: allowed), at: at)
            }
            guard length <= bytes.count - at else { throw AMLRefusal(.descriptorCutShort, at: at) }
            if type == Self.endTag { return }
            if tag == Self.serialBus, bytes.u8(at + 5).map(Self.serialBusKinds.contains) != true {
                throw AMLRefusal(.descriptorUnknown(tag), at: at)
            }
            if isLarge {
                let own = TableBytes(Array(buffer[at..<at + length]))
                if [0x81, 0x85, 0x86].contains(tag) { fixedMemoryCount += 1 }
                if let layout = Self.layouts[tag] { try take(own, layout, at) }
            }
            at += length
        }
        throw AMLRefusal(.noEndTag, at: buffer.count)
    }

    /// By tag: bytes of each address, and where the first of them is.
    private static let layouts: [UInt8: (width: Int, first: Int)] = [
        0x88: (2, 6), 0x87: (4, 6), 0x8a: (8, 6), 0x8b: (8, 8),
    ]

    private mutating func take(
        _ bytes: TableBytes, _ layout: (width: Int, first: Int), _ offset: Int
    ) throws(AMLRefusal) {
        // Granularity, minimum, maximum, translation, length.
        let fields = (1...4).compactMap { place -> UInt64? in
            let at = layout.first + place * layout.width
            switch layout.width {
            case 2: return bytes.u16(at).map(UInt64.init)
            case 4: return bytes.u32(at).map(UInt64.init)
            default: return bytes.u64(at)
            }
        }
        // The granularity before them; in an extended one attributes after them.
        let count = layout.first + (layout.first == 8 ? 6 : 5) * layout.width
        guard fields.count == 4, bytes.count >= count, let type = bytes.u8(3), let general = bytes.u8(4),
            let own = bytes.u8(5)
        else { throw AMLRefusal(.descriptorCutShort, at: offset) }
        guard let kind = Space.Kind(rawValue: type) else { return }
        spaces.append(
            Space(
                kind: kind, isProduced: general & 1 == 0,
                isPrefetchable: kind == .memory && own >> 1 & 3 == 3,
                minimum: fields[0], maximum: fields[1], translation: fields[2], length: fields[3],
                offset: offset))
    }
}

extension ResourceTemplate.Space {
    /// The range as a window between the bus and the CPU; nil when it is empty or passes 2^64.
    var window: PCIWindow? {
        guard length > 0, minimum <= maximum, maximum - minimum < .max else { return nil }
        let offset = isProduced ? translation : 0
        let (cpuStart, _) = minimum.addingReportingOverflow(offset)
        let size = maximum - minimum + 1
        guard !cpuStart.addingReportingOverflow(size - 1).overflow else { return nil }
        return PCIWindow(
            kind: kind == .io ? .io : .memory, busStart: minimum, cpuStart: cpuStart, size: size,
            is64Bit: maximum > UInt64(UInt32.max), isPrefetchable: isPrefetchable)
    }
}
