// A PCI function by its address, behind an ACPI root complex: tables list no functions, but give IDs to
// all that there can be, and memory ranges to single ones. Mirrors drivers/acpi/arm64/iort.c:
// iort_iommu_configure_id for PCI and iort_rmr_has_dev, Linux 7.2, without aliases of conventional bridges.

import AddressSpaces

extension Platform {
    /// The function "0000:01:00.0" as a device of its own: its stream IDs, and the regions that apply to
    /// them. nil when the text is not an address of that form, or no SMMU sees the function. O(regions of the
    /// bridge).
    public func pciFunction(_ address: String) -> Device? {
        guard let (segment, requester) = Self.parsedAddress(address),
            let bridge = devices.first(where: { $0.id == "rc:\(segment)" && $0.kind == .rootComplex })
        else { return nil }
        var function = bridge
        function.id = address
        function.kind = .pciFunction
        function.hostBridge = bridge.id
        function.streams = bridge.streams.compactMap { stream in
            switch stream.kind {
            case .specifier: return stream
            case .idMap(let base, let length, let output):
                guard requester >= base, requester - base < length, let first = output.first else {
                    return nil
                }
                return StreamMapping(
                    smmu: stream.smmu, kind: .specifier([first &+ (requester - base)]))
            case .constant(let base, let length, let output):
                guard requester >= base, requester - base < length else { return nil }
                return StreamMapping(smmu: stream.smmu, kind: .specifier([output]))
            }
        }
        guard !function.streams.isEmpty else { return nil }
        if !bridge.requesterControllers.isEmpty {
            let own = bridge.requesterControllers.filter { $0.requesters.contains(requester) }
            function.msiControllers = own.map(\.controller)
            function.requesterControllers = []
        }
        function.firmwareRegions = function.hardwareMSIRegions(untranslatedRanges)
        function.unappliedRegions = []
        function.addMemoryRanges(memoryRanges, preservesConfiguration: preservesPCIConfiguration)
        return function
    }

    /// The segment of "0002:01:00.0"; nil when the text is not an address of that form.
    public static func segment(_ address: String) -> UInt32? { parsedAddress(address)?.segment }

    /// The requester ID of "0000:01:00.2"; nil when the text is not an address of that form.
    public static func requester(_ address: String) -> UInt32? { parsedAddress(address)?.requester }

    /// `SSSS:BB:DD.F`, hex, and a segment of up to eight digits.
    private static func parsedAddress(_ text: String) -> (segment: UInt32, requester: UInt32)? {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 3, (4...8).contains(parts[0].utf8.count), parts[1].utf8.count == 2 else {
            return nil
        }
        let last = parts[2].split(separator: ".", omittingEmptySubsequences: false)
        guard last.count == 2, last[0].utf8.count == 2, last[1].utf8.count == 1,
            let segment = hex(parts[0]), let bus = hex(parts[1]), let device = hex(last[0]),
            let function = hex(last[1]), device < 32, function < 8
        else { return nil }
        return (segment, bus << 8 | device << 3 | function)
    }

    /// At most eight digits.
    private static func hex(_ digits: Substring) -> UInt32? {
        (try? HexLiteral.parseDigits(digits.utf8)).flatMap(UInt32.init(exactly:))
    }
}
