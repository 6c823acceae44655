// Explained faults as members of an answer. Field names and their order are the contract's.

import AddressSpaces
import JSON
import MSIWindows
import Machines

extension JSONWriter {
    /// One element of the answer to POST /v1/fault-explanations.
    mutating func faultExplanation(_ explanation: FaultExplanation) {
        let fault = explanation.fault
        object { writer in
            writer.member("line", fault.line)
            writer.object("smmu") { writer in
                writer.member("driver", fault.driver.rawValue)
                writer.member("name", fault.smmu)
                writer.member("id", orNull: explanation.smmu)
            }
            writer.member("event", fault.event)
            writer.member("cause", fault.cause.rawValue)
            writer.member("iova", orNullHex: fault.iova)
            if let address = fault.intermediate { writer.member("ipa", hex: address) }
            writer.member("stream_id", orNullHex: fault.streamID.map(UInt64.init))
            if let substream = fault.substreamID { writer.member("substream_id", hex: UInt64(substream)) }
            if let isWrite = fault.isWrite { writer.member("access", isWrite ? "write" : "read") }
            if let stage = fault.stage { writer.member("stage", stage) }
            if let what = fault.transaction { writer.member("transaction", what.rawValue) }
            if let client = fault.client { writer.member("client", client) }
            if let isStalled = fault.isStalled { writer.member("stalled", isStalled) }
            if fault.isIncomplete { writer.member("incomplete", true) }
            writer.member("format", fault.format.rawValue)
            writer.repeats(of: fault)
            writer.object("registers") { writer in
                for register in fault.registers {
                    writer.key(text: register.name)
                    writer.hex(register.value)
                }
            }
            writer.faultVerdict(explanation)
            writer.member("devices", strings: explanation.devices)
            if !explanation.warnings.isEmpty { writer.warnings(explanation.warnings) }
            writer.hostFacts(explanation.groupType.map { [HostFact($0)] } ?? [], of: .dmaAPI)
            writer.faultReasons(explanation)
            for other in explanation.ifReported {
                writer.object("if_iommu_reports_msi") { writer in
                    writer.iommuRegions(other.regions)
                    writer.faultVerdict(other.explanation)
                    writer.faultReasons(other.explanation)
                }
            }
        }
    }

    private mutating func faultVerdict(_ explanation: FaultExplanation) {
        member("verdict", explanation.verdict.rawValue)
        member("is_msi", explanation.isMSI.rawValue)
        faultFacts(explanation)
    }

    private mutating func faultReasons(_ explanation: FaultExplanation) {
        if let window = explanation.window { range("window", window) }
        if let doorbell = explanation.doorbell { member("doorbell", hex: doorbell.value) }
        member("reason", orNull: explanation.reason?.rawValue)
        member("because", explanation.because)
        member("changes", strings: explanation.changes)
        array("alternatives") { writer in
            for base in explanation.alternatives { writer.hex(base.value) }
        }
    }

    /// How often and when a fault was logged, as far as there is more to say than its line.
    private mutating func repeats(of fault: SMMUFault) {
        if fault.count > 1 {
            member("count", fault.count)
            member("last_line", fault.lastLine)
        }
        if let time = fault.firstTime { member("first_time", time) }
        if fault.count > 1, let time = fault.lastTime { member("last_time", time) }
    }
}
