// What the bits of a fault's registers and event words say.

extension SMMUFault {
    /// The cause in a context bank's FSR: TF, AFF, PF, EF, TLBMCF, TLBLKF, ASF, UUT.
    static func cause(contextStatus status: UInt32) -> Cause {
        let causes: [(bit: UInt32, cause: Cause)] = [
            (1, .translation), (3, .permission), (2, .accessFlag), (7, .addressSize), (4, .externalAbort),
            (5, .tlbConflict), (6, .other), (8, .unsupportedTransaction),
        ]
        return causes.first { status >> $0.bit & 1 == 1 }?.cause ?? .other
    }

    /// A context fault from its registers; `stream` is nil where the kernel is too old to print CBFRSYNRA.
    public static func contextFault(
        smmu: String, line: Int, status: UInt32, iova: UInt64, syndrome: UInt32, stream: UInt32?
    ) -> SMMUFault {
        var fault = SMMUFault(
            .armSMMU, smmu: smmu, line: line, event: "context fault", cause: cause(contextStatus: status))
        fault.iova = iova
        fault.streamID = stream.map { $0 & 0xffff }
        fault.isWrite = syndrome >> 4 & 1 == 1
        fault.isInstruction = syndrome >> 6 & 1 == 1
        return fault
    }

    /// A global fault: a transaction that no context could take.
    public static func globalFault(
        smmu: String, line: Int, syndrome0: UInt32, syndrome1: UInt32
    ) -> SMMUFault {
        var fault = SMMUFault(
            .armSMMU, smmu: smmu, line: line, event: "global fault", cause: .configuration)
        fault.streamID = syndrome1 & 0xffff
        fault.isWrite = syndrome0 >> 1 & 1 == 1
        return fault
    }

    /// An SMMUv3 event's name and cause by its number.
    public static func event(number: UInt8) -> (name: String, cause: Cause) {
        switch number {
        case 0x01: ("F_UUT", .unsupportedTransaction)
        case 0x02: ("C_BAD_STREAMID", .configuration)
        case 0x03: ("F_STE_FETCH", .configuration)
        case 0x04: ("C_BAD_STE", .configuration)
        case 0x05: ("F_BAD_ATS_TREQ", .configuration)
        case 0x06: ("F_STREAM_DISABLED", .configuration)
        case 0x07: ("F_TRANSL_FORBIDDEN", .configuration)
        case 0x08: ("C_BAD_SUBSTREAMID", .configuration)
        case 0x09: ("F_CD_FETCH", .configuration)
        case 0x0a: ("C_BAD_CD", .configuration)
        case 0x0b: ("F_WALK_EABT", .externalAbort)
        case 0x10: ("F_TRANSLATION", .translation)
        case 0x11: ("F_ADDR_SIZE", .addressSize)
        case 0x12: ("F_ACCESS", .accessFlag)
        case 0x13: ("F_PERMISSION", .permission)
        case 0x20: ("F_TLB_CONFLICT", .tlbConflict)
        case 0x21: ("F_CFG_CONFLICT", .configuration)
        case 0x24: ("E_PAGE_REQUEST", .pageRequest)
        case 0x25: ("F_VMS_FETCH", .configuration)
        default: ("event 0x" + String(number, radix: 16), .other)
        }
    }

    /// The number of an event that is told by name.
    public static func eventNumber(named name: String) -> UInt8? {
        (UInt8(1)...0x25).first { event(number: $0).name == name }
    }

    /// Whether the event carries an input address.
    private static func hasAddress(_ number: UInt8) -> Bool {
        switch number {
        case 0x01, 0x07, 0x0b, 0x10, 0x11, 0x12, 0x13, 0x20, 0x24: true
        default: false
        }
    }

    /// Takes over what the four words of an event record say.
    public mutating func apply(eventWords words: [UInt64]) {
        guard let first = words.first else { return }
        let number = UInt8(first & 0xff)
        (event, cause) = Self.event(number: number)
        streamID = UInt32(first >> 32)
        if first >> 11 & 1 == 1 { substreamID = UInt32(first >> 12 & 0xf_ffff) }
        registers = words.enumerated().map { Register("word\($0.offset)", $0.element) }
        guard words.count >= 3, Self.hasAddress(number) else { return }
        iova = words[2]
        isInstruction = words[1] >> 34 & 1 == 1
        isWrite = words[1] >> 35 & 1 == 0
        stage = words[1] >> 39 & 1 == 1 ? 2 : 1
    }
}
