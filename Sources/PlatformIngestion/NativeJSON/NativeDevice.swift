// One device of the native model.

import Platforms
import SMMUModel
import WireJSON

enum NativeDevice {
    static func read(_ node: JSONNode, _ problems: ProblemList, _ findings: inout FindingList) -> Device? {
        guard var reader = ObjectReader(node, problems) else { return nil }
        let id = reader.required("id")?.string(bytesMax: NativePlatform.nameBytesMax, problems)
        if id?.isEmpty == true {
            problems.add(reader.pointer("id"), "empty", "An id has at least one character.")
        }
        let kinds = Device.Kind.allCases.map { (word: $0.rawValue, value: $0) }
        let kind = reader.required("kind")?.choice(kinds, problems)
        let active = reader.optional("active").map { $0.bool(problems) } ?? true
        let smmus = NativePlatform.names(reader.optional("smmus"), problems)
        let controllers = NativePlatform.names(reader.optional("msi_controllers"), problems)
        let limit = reader.optional("dma_limit").map { $0.u64(problems) } ?? .max
        let coherent = reader.optional("dma_coherent").map { $0.bool(problems) } ?? false
        let compatible = NativePlatform.names(reader.optional("compatible"), problems)
        let max = NativePlatform.listMax
        let windows = NativePlatform.list(reader.optional("pci_windows"), max: max, problems) {
            window($0, problems)
        }
        let inbound = NativePlatform.list(reader.optional("dma_ranges"), max: max, problems) {
            inboundWindow($0, problems)
        }
        let regions = NativePlatform.list(reader.optional("reserved_regions"), max: max, problems) {
            region($0, problems)
        }
        let ranges = NativeRanges.read(&reader, id ?? "", problems, &findings)
        reader.finish()
        guard let id, let kind, let active, let limit, let coherent else { return nil }
        var device = Device(
            id: id, kind: kind, compatible: compatible, active: active,
            streams: smmus.map { StreamMapping(smmu: $0, kind: .specifier([])) }, msiControllers: controllers,
            dmaLimit: limit, dmaCoherent: coherent, pciWindows: windows, inboundWindows: inbound,
            firmwareRegions: regions)
        device.usableRanges = ranges
        return device
    }

    private static func window(_ node: JSONNode, _ problems: ProblemList) -> PCIWindow? {
        guard var reader = ObjectReader(node, problems) else { return nil }
        defer { reader.finish() }
        return window(&reader, problems)
    }

    /// The members of a window; the caller may ask for more before it finishes.
    static func window(_ reader: inout ObjectReader, _ problems: ProblemList) -> PCIWindow? {
        let kinds = PCIWindow.Kind.allCases.map { (word: $0.rawValue, value: $0) }
        let kind = reader.optional("kind").map { $0.choice(kinds, problems) } ?? .memory
        let ends = addresses(&reader, problems)
        let is64Bit = reader.optional("is_64bit").map { $0.bool(problems) } ?? false
        let prefetchable = reader.optional("prefetchable").map { $0.bool(problems) } ?? false
        guard let kind, let ends, let is64Bit, let prefetchable else { return nil }
        return PCIWindow(
            kind: kind, busStart: ends.bus, cpuStart: ends.cpu, size: ends.size, is64Bit: is64Bit,
            isPrefetchable: prefetchable)
    }

    private static func inboundWindow(_ node: JSONNode, _ problems: ProblemList) -> InboundWindow? {
        guard var reader = ObjectReader(node, problems) else { return nil }
        let ends = addresses(&reader, problems)
        reader.finish()
        return ends.map { InboundWindow(busStart: $0.bus, cpuStart: $0.cpu, size: $0.size) }
    }

    /// `bus`, `cpu` (the same unless given) and `size`.
    private static func addresses(
        _ reader: inout ObjectReader, _ problems: ProblemList
    ) -> (bus: UInt64, cpu: UInt64, size: UInt64)? {
        let bus = reader.required("bus")?.u64(problems)
        let cpuNode = reader.optional("cpu")
        let cpu = cpuNode.map { $0.u64(problems) } ?? bus
        let sizeNode = reader.required("size")
        guard let bus, let cpu, let sizeNode, let size = sizeNode.u64(problems) else { return nil }
        guard size > 0 else {
            problems.add(sizeNode.pointer, "zero-size", "A window has at least one byte.")
            return nil
        }
        guard !bus.addingReportingOverflow(size - 1).overflow, !cpu.addingReportingOverflow(size - 1).overflow
        else {
            problems.add(sizeNode.pointer, "wraps", "The window passes 2^64.")
            return nil
        }
        return (bus, cpu, size)
    }

    private static func region(_ node: JSONNode, _ problems: ProblemList) -> ReservedRegion? {
        guard var reader = ObjectReader(node, problems) else { return nil }
        let range = reader.range()
        let kinds: [(word: String, value: ReservedRegion.Kind)] = [
            ("direct", .direct), ("direct_relaxable", .directRelaxable), ("reserved", .reserved),
            ("msi", .msi),
        ]
        let kind = reader.optional("type").map { $0.choice(kinds, problems) } ?? .reserved
        let words = reader.optional("provenance")?.string(bytesMax: NativePlatform.nameBytesMax, problems)
        reader.finish()
        guard let range, let kind else { return nil }
        let (length, isFull) = (range.last - range.start).addingReportingOverflow(1)
        guard !isFull else {
            problems.add(
                node.pointer, "full-space", "A region of the whole 64-bit space leaves nothing usable.")
            return nil
        }
        return ReservedRegion(
            kind: kind, start: range.start, length: length,
            provenance: .caller(words ?? "platform description"))
    }
}
