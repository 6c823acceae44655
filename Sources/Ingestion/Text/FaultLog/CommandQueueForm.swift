// Complaints of an SMMUv3's driver that concern no transaction: its command queue is stuck or broken, its
// event queue ran over. Mirrors drivers/iommu/arm/arm-smmu-v3/arm-smmu-v3.c: arm_smmu_cmdq_issue_cmdlist,
// __arm_smmu_cmdq_skip_err, arm_smmu_gerror_handler and arm_smmu_evtq_thread, Linux 7.2.

import Machines

extension FaultForm {
    private static let commandErrors = [
        FaultOpening.invalidationTimeout, FaultOpening.commandAborted, FaultOpening.illegalCommand, "Unknown",
    ]

    /// After these the driver skips no command.
    private static let harmlessErrors: Set<String> = [
        FaultOpening.invalidationTimeout, FaultOpening.commandAborted,
    ]

    /// `CMD_SYNC timeout at 0x0000b1b7 [hwprod 0x0000b1c0, hwcons 0x0000b1b7]`,
    /// `CMDQ error (cons 0x0100b1b7): ATC invalidate timeout`,
    /// `unexpected global error reported (0x00000001), this could be serious`
    static let commandQueue = FaultForm(
        driver: .armSMMUv3,
        openings: [
            FaultOpening.commandTimeout.words, FaultOpening.commandError.words + " (",
            FaultOpening.queueTimeout.words, FaultOpening.globalError.words,
        ]
    ) { reading, message in
        var event: String
        if message.starts(.commandTimeout) {
            event = FaultOpening.commandTimeout.words
        } else if message.starts(.queueTimeout) {
            event = FaultOpening.queueTimeout.words
        } else if message.starts(.commandError) {
            let error = commandErrors.first { message.holds(": " + $0) }
            event = FaultOpening.commandError.words + (error.map { ": " + $0 } ?? "")
            // The words of a command that is skipped may follow; they are no event's.
            if error.map(harmlessErrors.contains) != true { reading.end(message.smmu) }
        } else if message.starts(.globalError) {
            event = "global error"
        } else {
            return false
        }
        var fault = SMMUFault(
            .armSMMUv3, smmu: message.smmu, line: message.line, event: event, cause: .commandQueue)
        fault.registers = registers(of: message)
        reading.insert(fault, message)
        return true
    }

    private static let names: [(before: String, name: String)] = [
        ("at", "at"), ("hwprod", "hwprod"), ("[hwprod", "hwprod"), ("hwcons", "hwcons"), ("(cons", "cons"),
        ("reported", "gerror"),
    ]

    /// The numbers of a message, by the word in front of each.
    private static func registers(of message: FaultMessage) -> [SMMUFault.Register] {
        var found: [SMMUFault.Register] = []
        var before = ""
        for word in message.words {
            let number = word.drop { $0 == 0x28 }.prefix { ![0x29, 0x2c, 0x3a, 0x5d].contains($0) }
            if let name = names.first(where: { $0.before == before })?.name,
                let value = TextLines.prefixedHex(number), !found.contains(where: { $0.name == name })
            {
                found.append(.init(name, value))
            }
            before = TextLines.string(word.prefix(16))
        }
        return found
    }

    /// `EVTQ overflow detected -- events lost`, `EVTQ write aborted -- events may have been lost`
    static let lostEvents = FaultForm(driver: .armSMMUv3) { reading, message in
        let isOfQueue = message.starts("EVTQ") || message.starts("PRIQ")
        guard isOfQueue, message.holds("overflow") || message.holds("lost") else { return false }
        reading.content.eventsLost = true
        reading.other(message.line, message.shown, .eventsLost)
        return true
    }
}
