// What a running kernel logged or traced of an IOMMU, as facts: faults that an SMMU driver printed, and
// mappings as they came and went. Reading the text is Ingestion's. Mirrors
// drivers/iommu/arm/arm-smmu/arm-smmu.c: arm_smmu_context_fault and arm_smmu_global_fault, and
// drivers/iommu/arm/arm-smmu-v3/arm-smmu-v3.c: arm_smmu_dump_event, Linux 7.2; bits are those of Arm IHI
// 0062 (SMMUv2) and IHI 0070 (SMMUv3).

import AddressSpaces

/// A logged fault or event.
public struct SMMUFault: Hashable, Sendable {
    /// Which driver logged it.
    public enum Driver: String, CaseIterable, Sendable {
        case armSMMU = "arm-smmu"
        case armSMMUv3 = "arm-smmu-v3"
    }

    /// What the SMMU objects to.
    public enum Cause: String, CaseIterable, Sendable {
        /// No mapping for the address.
        case translation
        case permission
        case accessFlag = "access_flag"
        /// An address beyond what is translated or put out.
        case addressSize = "address_size"
        case externalAbort = "external_abort"
        case tlbConflict = "tlb_conflict"
        case unsupportedTransaction = "unsupported_transaction"
        /// The stream is not known, disabled, or its tables are broken: no address is at fault.
        case configuration
        case pageRequest = "page_request"
        /// The SMMU's command queue is stuck or broken: it refused no transaction, so there is no address.
        case commandQueue = "command_queue"
        case other
    }

    /// Whose words the record is in.
    public enum Format: String, CaseIterable, Sendable {
        case linux
        /// NVIDIA's Linux for Tegra: `sid=17(0x11 - AFI)`, and the table's entries.
        case l4t
        /// Qualcomm's kernels for phones: a register a line.
        case msm
        case xen
        /// One line that somebody shortened.
        case abbreviated
    }

    /// The CLASS of an SMMUv3 event.
    public enum Transaction: String, CaseIterable, Sendable {
        case contextDescriptor = "context_descriptor"
        case translationTable = "translation_table"
        case inputAddress = "input_address"
    }

    public var driver: Driver
    /// The SMMU's device name: `64000000.iommu`, `arm-smmu-v3.0.auto`; empty where the log has only messages.
    public var smmu: String
    /// First line of the log that reports it, from 1.
    public var line: Int
    /// `context fault`, `global fault`, `F_TRANSLATION`, ...
    public var event: String
    public var cause: Cause
    public var iova: UInt64?
    /// What stage 1 made of the IOVA, where stage 2 objects; the log has only the page.
    public var intermediate: UInt64?
    public var streamID: UInt32?
    public var substreamID: UInt32?
    public var isWrite: Bool?
    public var isInstruction: Bool?
    /// 1 or 2.
    public var stage: Int?
    /// What the SMMU was fetching; nil where the log does not say.
    public var transaction: Transaction?
    /// The device that the kernel named for the stream.
    public var client: String?
    /// Registers or event words as they were logged.
    public var registers: [Register]
    /// Words or lines are missing or mangled: nothing is claimed that only their place would say.
    public var isIncomplete = false
    /// The transaction waits for an answer; nil where the log does not say.
    public var isStalled: Bool?
    public var format = Format.linux
    /// How often the log has it, with nothing different but the time.
    public var count = 1
    /// Where the last of them begins; `line` when there is one.
    public var lastLine: Int
    /// The log's own stamps of the first and the last, as they are printed.
    public var firstTime: String?
    public var lastTime: String?

    /// One logged number.
    public struct Register: Hashable, Sendable {
        public var name: String
        public var value: UInt64

        public init(_ name: String, _ value: UInt64) {
            self.name = name
            self.value = value
        }
    }

    /// The address that the objecting stage was to translate.
    public var faultingAddress: UInt64? {
        guard stage == 2, let intermediate, let iova else { return iova }
        return intermediate & ~0xfff | iova & 0xfff
    }

    public init(_ driver: Driver, smmu: String, line: Int, event: String, cause: Cause) {
        self.driver = driver
        self.smmu = smmu
        self.line = line
        lastLine = line
        self.event = event
        self.cause = cause
        registers = []
    }
}

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

    /// A context fault from its registers, as far as the kernel prints them: the oldest leave out FSR, and
    /// CBFRSYNRA came with 5.4.
    public static func contextFault(
        smmu: String, line: Int, status: UInt32?, iova: UInt64?, syndrome: UInt32?, stream: UInt32?
    ) -> SMMUFault {
        var fault = SMMUFault(
            .armSMMU, smmu: smmu, line: line, event: "context fault", cause: .other)
        if let status { fault.apply(contextStatus: status) }
        fault.iova = iova
        fault.streamID = stream.map { $0 & 0xffff }
        if let syndrome { fault.apply(contextSyndrome: syndrome) }
        return fault
    }

    /// What a context bank's FSR reports: the cause, and SS, whether the transaction waits.
    public mutating func apply(contextStatus status: UInt32) {
        cause = Self.cause(contextStatus: status)
        isStalled = status >> 30 & 1 == 1
    }

    /// MULTI of an FSR or a GFSR: there were more faults than the registers hold.
    public static func isOneOfMany(status: UInt64) -> Bool { status >> 31 & 1 == 1 }

    /// WNR and IND of a context bank's FSYNR0.
    public mutating func apply(contextSyndrome syndrome: UInt32) {
        isWrite = syndrome >> 4 & 1 == 1
        isInstruction = syndrome >> 6 & 1 == 1
    }

    /// Takes over what a global fault's registers say: a transaction that no context could take.
    public mutating func apply(globalSyndrome syndrome0: UInt32, _ syndrome1: UInt32) {
        streamID = syndrome1 & 0xffff
        isWrite = syndrome0 >> 1 & 1 == 1
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
        default: ("event " + HexLiteral.text(number), .other)
        }
    }

    /// The number of an event by its name.
    public static func eventNumber(named name: String) -> UInt8? {
        (UInt8(1)...0x25).first { event(number: $0).name == name }
    }

    /// What of an event's record holds more than the stream.
    enum RecordShape {
        case streamOnly
        /// The address, and how it was accessed.
        case access
        /// The same, and the stage and class that objected.
        case translation
        /// The address alone: the bits elsewhere mean permissions.
        case address
    }

    static func shape(_ number: UInt8) -> RecordShape {
        switch number {
        case 0x01, 0x07: .access
        case 0x0b, 0x10, 0x11, 0x12, 0x13, 0x20: .translation
        case 0x24: .address
        default: .streamOnly
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
        let shape = Self.shape(number)
        guard words.count >= 3, shape != .streamOnly else { return }
        iova = words[2]
        guard shape != .address else { return }
        isInstruction = words[1] >> 34 & 1 == 1
        isWrite = words[1] >> 35 & 1 == 0
        guard shape == .translation else { return }
        if Self.mayStall(number) { isStalled = words[1] >> 31 & 1 == 1 }
        stage = words[1] >> 39 & 1 == 1 ? 2 : 1
        // Stage 1 has no descriptor to fetch, so 0 there is no information.
        let classes: [Transaction?] = [
            stage == 2 ? .contextDescriptor : nil, .translationTable, .inputAddress, nil,
        ]
        transaction = classes[Int(words[1] >> 40 & 3)]
        guard words.count == 4, stage == 2, Self.hasIntermediateAddress(number) else { return }
        intermediate = words[3] & 0xf_ffff_ffff_f000
    }
}

// What the kernel traced of an IOMMU: mappings as they came and went. Mirrors include/trace/events/iommu.h,
// Linux 7.2. An event names neither its domain nor its device; a reader has to infer them.

/// One traced event.
public struct MappingEvent: Hashable, Sendable {
    public enum Kind: Hashable, Sendable {
        case map(iova: UInt64, physical: UInt64, size: UInt64)
        /// `unmapped` is what was really mapped there.
        case unmap(iova: UInt64, size: UInt64, unmapped: UInt64)
        case attach(device: String)
        case detach(device: String)
    }

    /// Of the trace, from 1.
    public var line: Int
    /// Who ran: `kworker/0:1-12`. Empty when the line does not say.
    public var task: String
    public var kind: Kind
    /// The device that asked, where a kernel prints it; empty elsewhere.
    public var device: String

    public init(line: Int, task: String, kind: Kind, device: String = "") {
        self.line = line
        self.task = task
        self.device = device
        self.kind = kind
    }
}
