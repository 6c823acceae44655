// A list of resource descriptors (ACPI 6.4), and which of them Linux takes as windows of a host bridge:
// acpi_decode_space with the checks of acpi_dev_resource_len_valid, and pci_acpi_root_prepare_resources,
// which drops what the bridge consumes itself.

public struct SecondTemplate {
    public struct Space: Equatable {
        /// 0 memory, 1 I/O, 2 bus numbers; others are a vendor's.
        public var kind: UInt8
        public var isProduced: Bool
        public var minimum: UInt64
        public var maximum: UInt64
        public var translation: UInt64
        public var length: UInt64
        public var isPrefetchable: Bool

        public init(
            kind: UInt8, isProduced: Bool, minimum: UInt64, maximum: UInt64, translation: UInt64,
            length: UInt64, isPrefetchable: Bool
        ) {
            self.kind = kind
            self.isProduced = isProduced
            self.minimum = minimum
            self.maximum = maximum
            self.translation = translation
            self.length = length
            self.isPrefetchable = isPrefetchable
        }

        /// On the CPU's side; nil where Linux drops the descriptor.
        public var range: ClosedRange<UInt64>? {
            let offset = isProduced ? translation : 0
            let (start, end) = (minimum &+ offset, maximum &+ offset)
            // The length is not compared, but it has to be something; and all of 64 bits have none.
            guard length > 0, minimum <= maximum, start <= end, end &- start != .max else { return nil }
            return start...end
        }
    }

    public private(set) var spaces: [Space] = []
    /// Memory24, Memory32 and Memory32Fixed: never a window.
    public private(set) var fixedCount = 0

    public init(_ bytes: [UInt8]) throws(Trouble) {
        var cursor = Cursor(bytes: bytes, table: 0, at: 0)
        while true {
            let start = cursor.at
            guard start < bytes.count else { throw cursor.trouble("there is no end tag") }
            let tag = bytes[start]
            cursor.at += 1
            var count = Int(tag & 7)
            if tag & 0x80 != 0 {
                guard let large = try? cursor.number(2, bytes.count) else {
                    throw cursor.trouble("the descriptor is cut off", at: start)
                }
                count = Int(large)
            }
            // acpi_ut_validate_resource: the type is known, and the length is the type's.
            guard let sizes = Self.sizes(tag), sizes.contains(count) else {
                throw cursor.trouble("the descriptor has a wrong type or length", at: start)
            }
            guard count <= bytes.count - cursor.at else {
                throw cursor.trouble("the descriptor is cut off", at: start)
            }
            if tag == 0x79 { return }
            // Serial buses of kinds 1 to 4.
            if tag == 0x8e, !(1...4).contains(bytes[start + 5]) {
                throw cursor.trouble("the descriptor has a wrong type or length", at: start)
            }
            let end = cursor.at + count
            do {
                switch tag {
                case 0x81, 0x85, 0x86: fixedCount += 1
                case 0x87: try space(&cursor, 4, end)
                case 0x88: try space(&cursor, 2, end)
                case 0x8a: try space(&cursor, 8, end)
                case 0x8b: try space(&cursor, 8, end, isExtended: true)
                default: break
                }
            } catch {
                throw cursor.trouble("the descriptor is cut off", at: start)
            }
            cursor.at = end
        }
    }

    /// How many bytes follow the head of a descriptor (ACPI 6.4.2 and 6.4.3).
    private static func sizes(_ tag: UInt8) -> ClosedRange<Int>? {
        let most = 0xffff
        switch tag {
        case 0x20...0x27: return 2...3
        case 0x28...0x2f: return 2...2
        case 0x30...0x37: return 0...1
        case 0x38...0x3f: return 0...0
        case 0x40...0x47: return 7...7
        case 0x48...0x4f: return 3...3
        case 0x50...0x57: return 5...5
        case 0x70...0x77: return 0...7
        case 0x78...0x7f: return 1...1
        case 0x81, 0x86: return 9...9
        case 0x82: return 12...12
        case 0x84: return 0...most
        case 0x85: return 17...17
        case 0x87: return 23...most
        case 0x88: return 13...most
        case 0x89: return 6...most
        case 0x8a: return 43...most
        case 0x8b: return 53...53
        case 0x8c: return 20...most
        case 0x8d: return 15...most
        case 0x8e: return 9...most
        case 0x8f: return 17...most
        case 0x90: return 11...most
        case 0x91: return 14...most
        case 0x92: return 17...most
        case 0x93: return 9...most
        default: return nil
        }
    }

    private mutating func space(
        _ cursor: inout Cursor, _ width: Int, _ end: Int, isExtended: Bool = false
    ) throws(Trouble) {
        let kind = try cursor.byte(end)
        let general = try cursor.byte(end)
        let flags = try cursor.byte(end)
        if isExtended { _ = try cursor.number(2, end) }
        var numbers: [UInt64] = []
        for _ in 0..<5 { numbers.append(try cursor.number(width, end)) }
        if isExtended { _ = try cursor.number(8, end) }
        spaces.append(
            Space(
                kind: kind, isProduced: general & 1 == 0, minimum: numbers[1], maximum: numbers[2],
                translation: numbers[3], length: numbers[4],
                isPrefetchable: kind == 0 && flags >> 1 & 3 == 3))
    }
}
