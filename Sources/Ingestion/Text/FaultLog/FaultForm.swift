// The forms of messages that are read: one row here and one file for each family. The first form of the
// driver that takes a message has it; a message that none takes is told as another line of the driver.

import Machines

/// A form of an SMMU driver's messages.
struct FaultForm: Sendable {
    let driver: SMMUFault.Driver
    /// What its messages start with, where it tells them from all others without a driver's name.
    var openings: [String] = []
    /// The same, where only a message before them says what they are.
    var continuations: [String] = []
    /// Takes a message; false when it is of another form.
    let take: @Sendable (inout FaultLog.Reading, FaultMessage) -> Bool

    static let all: [FaultForm] = [
        .contextFault, .phoneFault, .registerLine, .tableEntries, .globalFault, .globalRegisters,
        .eventHeader, .eventWords, .decodedEvent, .access, .pageRequest, .commandQueue, .lostEvents,
    ]

    private static let bare = all.map { form in
        (
            driver: form.driver, openings: form.openings.map { Array($0.utf8) },
            continuations: form.continuations.map { Array($0.utf8) }
        )
    }

    /// Whether a text starts as a message of a driver does.
    static func opens(_ text: ArraySlice<UInt8>, _ driver: SMMUFault.Driver) -> Bool {
        bare.contains { $0.driver == driver && $0.openings.contains { text.starts(with: $0) } }
    }

    /// Whose message a text is; `isContinued` when it may go on with one before.
    static func bareDriver(of text: ArraySlice<UInt8>, isContinued: Bool) -> SMMUFault.Driver? {
        let form = bare.first { form in
            form.openings.contains { text.starts(with: $0) }
                || isContinued && form.continuations.contains { text.starts(with: $0) }
        }
        return form?.driver
    }
}
