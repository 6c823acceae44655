// The shape of a VM as clients send it: as members of "vm" in a placement, or as query parameters of
// GET /v1/vmms/{vmm}. One table of names and bounds serves both.

public import FleetQueries

/// One parameter of a VM's shape.
public struct VMParameter: Sendable {
    public enum Bounds: Sendable {
        /// A 64-bit number, inclusive.
        case size(ClosedRange<UInt64>)
        case count(ClosedRange<Int>)
        case flag
    }

    public enum Value: Sendable {
        case size(UInt64)
        case count(Int)
        case flag(Bool)
    }

    public let name: String
    public let bounds: Bounds
    let apply: @Sendable (inout VMShape, Value) -> Void

    /// Every parameter besides "ram", in the order in which they are documented.
    public static let all: [VMParameter] = [
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

    /// Applies a value; says what is wrong with it otherwise.
    public func set(_ value: Value, in shape: inout VMShape) -> String? {
        if case .size(let bounds) = bounds, case .size(let size) = value {
            guard bounds.contains(size) else {
                return "Send \(bounds.lowerBound) to \(bounds.upperBound) bytes."
            }
            if name == "highmem_mmio_size", size & (size - 1) != 0 { return "Send a power of two." }
        }
        apply(&shape, value)
        return nil
    }
}
