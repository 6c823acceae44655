// A PCI function by its address, behind an ACPI root complex: tables list no functions, but give IDs to
// all that there can be, and memory ranges to single ones. Mirrors drivers/acpi/arm64/iort.c:
// iort_iommu_configure_id for PCI and iort_rmr_has_dev, Linux 7.2, without aliases of conventional bridges.

import AddressSpaces

extension Platform {
    /// The function "0000:01:00.0" as a device of its own: its stream IDs, and the regions that apply to
    /// them. nil when the text is not an address of that form, or no root complex of its segment is known. A
    /// function that none of the root complex's mappings holds has no IOMMU. O(regions of the bridge).
    ///
    /// - Parameter isGrouped: a running host has it in a group, so that it has an IOMMU that is not known.
    public func pciFunction(_ address: String, isGrouped: Bool = false) -> Device? {
        guard let (segment, requester) = Self.parsedAddress(address),
            let bridge = devices.first(where: {
                $0.id == Device.rootComplexID(segment) && $0.kind == .rootComplex
            })
        else { return nil }
        var function = bridge
        function.id = address
        function.kind = .pciFunction
        function.hostBridge = bridge.id
        function.pciWindows = windows(bridge.pciWindows, behind: requester >> 8, of: segment)
        function.streams = bridge.streams(ofRequester: requester)
        if function.streams.isEmpty, !isGrouped {
            guard !bridge.streams.isEmpty else { return nil }
            function.missingIOMMU = .noMapping
            function.active = false
        }
        if !bridge.requesterControllers.isEmpty {
            let own = bridge.requesterControllers.filter { $0.requesters.contains(requester) }
            function.msiControllers = own.map(\.controller)
            function.requesterControllers = []
        }
        function.firmwareRegions = function.hardwareMSIRegions(untranslatedRanges)
        function.unappliedRegions = []
        function.addMemoryRanges(
            memoryRanges,
            preservesConfiguration: bridge.preservesConfiguration ?? preservesPCIConfiguration)
        function.hasUnknownConfiguration =
            bridge.hasUnknownConfiguration && function.conditionalMemoryRange != nil
        return function
    }

    /// The segment of "0002:01:00.0"; nil when the text is not an address of that form.
    public static func segment(_ address: String) -> UInt32? { parsedAddress(address)?.segment }

    /// The requester ID of "0000:01:00.2"; nil when the text is not an address of that form.
    public static func requester(_ address: String) -> UInt32? { parsedAddress(address)?.requester }

    /// "0002:01:00.2" of a segment and a requester ID.
    package static func address(segment: UInt32, _ requester: UInt32) -> String {
        "\(HexLiteral.digits(segment, atLeast: 4)):\(address(requester))"
    }

    /// "01:00.2" of a requester ID.
    package static func address(_ requester: UInt32) -> String {
        "\(HexLiteral.digits(requester >> 8 & 0xff, atLeast: 2)):\(place(requester))"
    }

    /// "00.2", device and function of a requester ID.
    package static func place(_ requester: UInt32) -> String {
        "\(HexLiteral.digits(requester >> 3 & 31, atLeast: 2)).\(requester & 7)"
    }

    /// The address in full: `01:00.0` is of segment 0, as lspci prints it; nil for any other text.
    public static func fullAddress(_ text: String) -> String? {
        [text, "0000:" + text].first { parsedAddress($0) != nil }
    }

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

extension Device {
    private static let rootComplexPrefix = "rc:"

    /// The id of the root complex of a PCI segment: `rc:2`.
    package static func rootComplexID(_ segment: UInt32) -> String { "\(rootComplexPrefix)\(segment)" }

    /// The PCI segment that a root complex's id names.
    package var segment: UInt32? {
        guard kind == .rootComplex, id.hasPrefix(Self.rootComplexPrefix) else { return nil }
        return DecimalLiteral.parse(id.utf8.dropFirst(Self.rootComplexPrefix.utf8.count))
            .flatMap(UInt32.init(exactly:))
    }
}
