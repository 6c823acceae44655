// The shape of a VM as clients send it: as members of "vm" in a placement, or as query parameters of GET
// /v1/vmms/{vmm}. One table of names and bounds serves both. Sizes are numbers, or texts as people and VMMs
// write them: 64G, 512M, 1.5T.

import AddressSpaces
package import Fleet
package import JSON

/// One parameter of a VM's shape.
package struct VMParameter: Sendable {
    package enum Bounds: Sendable {
        /// A 64-bit number, inclusive.
        case size(ClosedRange<UInt64>)
        case count(ClosedRange<Int>)
        case flag
    }

    enum Value: Sendable {
        case size(UInt64)
        case count(Int)
        case flag(Bool)
    }

    package let name: String
    package let bounds: Bounds
    let apply: @Sendable (inout VMShape, Value) -> Void

    /// Every parameter besides "ram", in the order in which they are documented.
    package static let all: [VMParameter] = [
        size("maxmem", 1...VMShape.sizeMax) { $0.maxmem = $1 },
        count("slots", 0...VMShape.slotsMax) { $0.slots = $1 },
        count("vcpus", VMShape.vcpusBounds) { $0.vcpus = $1 },
        flag("p2p") { $0.peerToPeer = $1 },
        count("ipa_bits", VMShape.ipaBitsBounds) { $0.ipaBits = $1 },
        flag("highmem") { $0.highmem = $1 },
        flag("highmem_redists") { $0.highmemRedists = $1 },
        flag("highmem_ecam") { $0.highmemECAM = $1 },
        flag("highmem_mmio") { $0.highmemMMIO = $1 },
        size("highmem_mmio_size", VMShape.highmemMMIOSizeDefault...VMShape.sizeMax) {
            $0.highmemMMIOSize = $1
        },
        flag("cxl") { $0.cxl = $1 },
        size("ram_base", 0...VMShape.sizeMax) { $0.ramBase = $1 },
        flag("protected") { $0.isProtected = $1 },
    ]

    private static func size(
        _ name: String, _ bounds: ClosedRange<UInt64>,
        _ set: @escaping @Sendable (inout VMShape, UInt64) -> Void
    ) -> Self {
        Self(name: name, bounds: .size(bounds)) { shape, value in
            if case .size(let size) = value { set(&shape, size) }
        }
    }

    private static func count(
        _ name: String, _ bounds: ClosedRange<Int>, _ set: @escaping @Sendable (inout VMShape, Int) -> Void
    ) -> Self {
        Self(name: name, bounds: .count(bounds)) { shape, value in
            if case .count(let count) = value { set(&shape, count) }
        }
    }

    private static func flag(_ name: String, _ set: @escaping @Sendable (inout VMShape, Bool) -> Void) -> Self
    {
        Self(name: name, bounds: .flag) { shape, value in
            if case .flag(let flag) = value { set(&shape, flag) }
        }
    }

    private func read(_ value: WireValue, _ problems: ProblemList) -> Value? {
        switch bounds {
        case .size: value.size(problems).map { .size($0) }
        case .count(let bounds): value.int(in: bounds, problems).map { .count($0) }
        case .flag: value.bool(problems).map { .flag($0) }
        }
    }

    /// Reads a value and applies it.
    fileprivate func set(_ value: WireValue, in shape: inout VMShape, _ problems: ProblemList) {
        guard let meant = read(value, problems) else { return }
        if case .size(let bounds) = bounds, case .size(let size) = meant {
            guard VMShape.isSize(size, in: bounds, value, problems) else { return }
            if name == "maxmem", !VMShape.isMemory(size, value, problems) { return }
            if name == "highmem_mmio_size", value.powerOfTwo(size, problems) == nil { return }
        }
        apply(&shape, meant)
    }
}

extension VMShape {
    /// Reads the shape of a VM whose RAM is `ram`; nil after a wrong RAM, with all other faults noted too.
    package init?(ram: WireValue?, _ reader: inout some ValueReader) {
        let problems = reader.problems
        var size = ram?.size(problems)
        if let ram, let given = size,
            !Self.isSize(given, in: 1...Self.sizeMax, ram, problems) || !Self.isMemory(given, ram, problems)
        {
            size = nil
        }
        var shape = VMShape(ram: size ?? 1)
        for parameter in VMParameter.all {
            if let value = reader.value(text: parameter.name) { parameter.set(value, in: &shape, problems) }
        }
        guard size != nil else { return nil }
        self = shape
    }

    /// What no VM has less of.
    package static let memoryMin = Granule.mib1.bytes

    /// How a number without a suffix is to be sent, where MiB are meant: QEMU's -m counts so.
    package static func bareMemoryHint(_ digits: String) -> String {
        "a number without a suffix counts bytes; write \(digits)M for MiB, as QEMU's -m \(digits) means"
    }

    /// Refuses a small number without a unit. What has one, or is in hex, is meant as it is.
    fileprivate static func isMemory(_ size: UInt64, _ value: WireValue, _ problems: ProblemList) -> Bool {
        guard size < memoryMin, value.isBareNumber else { return true }
        value.add("out-of-range", "\(size): \(bareMemoryHint(String(size))).", problems)
        return false
    }

    fileprivate static func isSize(
        _ size: UInt64, in bounds: ClosedRange<UInt64>, _ value: WireValue, _ problems: ProblemList
    ) -> Bool {
        if bounds.contains(size) { return true }
        value.add("out-of-range", "Send \(bounds.lowerBound) to \(bounds.upperBound) bytes.", problems)
        return false
    }
}

extension WireValue {
    /// Whether it is a number in decimal digits alone.
    fileprivate var isBareNumber: Bool {
        if case .member(let node) = self, node.kind == .number { return true }
        return string(bytesMax: .max, ProblemList(limit: 1))?.utf8.allSatisfy { DecimalLiteral.isDigit($0) }
            == true
    }
}
