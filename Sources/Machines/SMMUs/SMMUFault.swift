// One fault that an SMMU driver logged, as facts. Mirrors drivers/iommu/arm/arm-smmu/arm-smmu.c:
// arm_smmu_context_fault and arm_smmu_global_fault, and drivers/iommu/arm/arm-smmu-v3/arm-smmu-v3.c:
// arm_smmu_dump_event, Linux 7.2; bits are those of Arm IHI 0062 (SMMUv2) and IHI 0070 (SMMUv3).

/// A logged fault or event.
public struct SMMUFault: Hashable, Sendable {
    /// Which driver spoke.
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
        case other
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
    /// First line of the log that tells of it, from 1.
    public var line: Int
    /// `context fault`, `global fault`, `F_TRANSLATION`, ...
    public var event: String
    public var cause: Cause
    public var iova: UInt64?
    /// What stage 1 made of the IOVA, where stage 2 objects; only the page is told.
    public var intermediate: UInt64?
    public var streamID: UInt32?
    public var substreamID: UInt32?
    public var isWrite: Bool?
    public var isInstruction: Bool?
    /// 1 or 2.
    public var stage: Int?
    /// What the SMMU was fetching; nil where the log does not tell.
    public var transaction: Transaction?
    /// The device that the kernel named for the stream.
    public var client: String?
    /// Registers or event words as they were logged.
    public var registers: [Register]

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
        self.event = event
        self.cause = cause
        registers = []
    }
}
