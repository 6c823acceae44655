// With which status the command ends, so that scripts can ask it instead of reading its text. The statuses,
// their meanings in help and manual page, and who ends with which are here.

import ArgumentParser
import Fleet
import JSON

enum Ending: Int32, CaseIterable {
    case holds = 0
    case failed = 1
    case no = 3
    case broken = 4
    /// EX_USAGE of sysexits.h, as the argument parser ends with it.
    case usage = 64

    var code: ExitCode { ExitCode(rawValue) }

    var meaning: String {
        switch self {
        case .holds:
            "Answered. decide and place: the answer is yes, perhaps under conditions that it names; explain "
                + "and survey: every input was read, whatever it says; agree: the promise holds, or what was "
                + "asked is done."
        case .failed:
            "Failed: an input cannot be read or understood, all of it or, as survey and explain go on, some; "
                + "there is no device to decide about; a test of replay --check failed; a "
                + "placement has no text in the format of --format; a server cannot be asked, or refuses; an "
                + "agreement that is watched is removed or at its end; or output cannot be written."
        case .no:
            "The answer is no. decide: Linux refuses the device, or its MSIs do not arrive, for one device at "
                + "least of those asked about, which are all where none is named; place: no window serves "
                + "this VM on these hosts, as it was described; agree: nobody can promise one, or nobody does any more."
        case .broken:
            "agree: a host does not keep the promise of the agreement, or would not keep it."
        case .usage: "A flag or its value is wrong; the message names it."
        }
    }

    /// For the help of the command.
    static let help =
        "Exit status:\n\n"
        + allCases.map { ending in
            "  \(ending.rawValue)".padded(to: 6)
                + Terminal.wrapped(ending.meaning, to: 72).joined(separator: "\n      ")
        }.joined(separator: "\n")

    /// Of the answers of decide: no device's MSIs are refused or lost.
    static func ofDecisions(_ answers: [JSONNode]) -> Ending {
        answers.contains { DecideTable.reachability($0) == "no" } ? .no : .holds
    }

    /// Of a placement: whether there is a window for the VM as it was described.
    static func ofPlacement(_ answer: JSONNode) -> Ending {
        guard let verdict = answer.member("verdict")?.text.flatMap(Placement.Verdict.init(rawValue:)) else {
            return .failed
        }
        return switch verdict {
        // A window that is free and that this VM cannot have, as a nested guest without iommufd.
        case .defaultWorks: answer.member("mechanism")?.text("kind") == "none" ? .no : .holds
        case .movable: .holds
        case .none, .ramUnmappable, .worksWithStealTimeOff, .barUnmappable, .guestContractViolation: .no
        }
    }

    /// Of an agreement, or of what would be one.
    static func ofAgreement(_ answer: JSONNode) -> Ending {
        if answer.member("possible") != nil { return answer.flag("possible") ? .holds : .no }
        if answer.text("state") == "released" { return .no }
        return answer.member("broken")?.kind == .object ? .broken : .holds
    }

    /// Ends the command unless all is well.
    func end() throws {
        if self != .holds { throw code }
    }
}

/// The command cannot do what it was asked, for no fault of its flags: it ends with `Ending.failed`.
struct CommandFailure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

extension String {
    func padded(to width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }
}
