// What the messages of faults start with, as the drivers print it up to the first number. Readers, the
// joining of broken lines and the search for bare messages all take the words from here.

/// The fixed words at the start of a message.
struct FaultOpening: Sendable {
    /// What tells the message from others; people shorten the rest.
    let words: String
    /// What follows up to the first number.
    let tail: String

    init(_ words: String, _ tail: String = "") {
        self.words = words
        self.tail = tail
    }

    var whole: String { words + tail }

    // SMMUv2

    static let contextFault = FaultOpening(BootLogPhrase.contextFault.rawValue, ":")
    static let phoneFault = FaultOpening("Unhandled arm-smmu context fault", " from")
    static let unknownStream = FaultOpening("Blocked unknown Stream ID", " 0x")
    static let globalFault = FaultOpening("Unexpected global fault", ",")
    static let ofSMMUv2 = [contextFault, phoneFault, unknownStream, globalFault]

    // SMMUv3

    static let commandTimeout = FaultOpening("CMD_SYNC timeout", " at 0x")
    static let commandError = FaultOpening("CMDQ error", " (cons 0x")
    static let queueTimeout = FaultOpening("CMDQ timeout")
    static let overflow = FaultOpening("EVTQ overflow", " detected")
    static let skippedCommand = FaultOpening("skipping command", " in error state:")
    static let globalError = FaultOpening("unexpected global error", " reported (0x")
    static let pageRequest = FaultOpening("unexpected PRI request", " received:")
    static let ofSMMUv3 = [
        commandTimeout, commandError, queueTimeout, overflow, skippedCommand, globalError, pageRequest,
    ]

    /// What goes wrong with a command, after `commandError`. The first two let the driver skip nothing.
    static let commandAborted = "Abort on command fetch"
    static let invalidationTimeout = "ATC invalidate timeout"
    static let illegalCommand = "Illegal command"
}

extension FaultMessage {
    func starts(_ opening: FaultOpening) -> Bool { starts(opening.words) }
}
