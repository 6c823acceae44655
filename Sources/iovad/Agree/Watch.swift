// `iovad agree watch`: the events of an agreement as they come, a line each. A connection that is cut is
// made again, and goes on after the last event, so that none is lost.

import ArgumentParser
import Fleet
// The stream of standard output is a variable of C's, which Swift takes for one that anybody may change.
@preconcurrency import Glibc
import HTTP
import HTTPClient
import JSON

struct Watch: CheckedCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print the events of an agreement as they come.",
        discussion: """
            It ends when the agreement is released or its time is over. Where the server is away it goes on \
            trying, and goes on after the last event that it had.
            """)

    @OptionGroup var agreement: AgreementArgument
    @Option(
        help: ArgumentHelp("Only events after this one. Default: all that the server has.", valueName: "id"))
    var after: Int?
    @Flag(help: "End with 4 as soon as a host breaks the promise.")
    var untilBroken = false
    @OptionGroup var server: ServerOption
    @OptionGroup var output: OutputOption

    /// Between two tries.
    private static let pauseMicroseconds: UInt32 = 1_000_000

    func checkArguments() throws {
        try output.check()
        _ = try server.required
    }

    func answer() throws {
        let server = try server.required
        var last = String(after ?? 0)
        var isBroken = false
        var isOver = false
        var isAway = false
        while !isOver {
            do {
                let end = try server.events(agreement.target("/events"), after: last) { event in
                    isAway = false
                    last = event.id ?? last
                    show(event)
                    switch Step(event.name, event.data) {
                    case .breaks: isBroken = true
                    case .mends: isBroken = false
                    case .ends: isOver = true
                    case .nothing: break
                    }
                    return !isOver && !(untilBroken && isBroken)
                }
                switch end {
                case .stopped: isOver = true
                case .cut: break
                case .refused(let answer): try refuse(Server.response(answer))
                }
            } catch let error as Server.Failure {
                // A server that was there once may come back.
                guard case .unreachable = error, last != "0" || isAway else { throw server.failure(error) }
                if !isAway { Console.say("\(server.failure(error)); trying again") }
                isAway = true
            }
            if !isOver { usleep(Self.pauseMicroseconds) }
        }
        if isBroken { throw Ending.broken.code }
    }

    /// What an event means for the watch.
    private enum Step {
        case breaks, mends, ends, nothing

        init(_ name: String, _ data: String) {
            switch name {
            case "broken": self = .breaks
            case "holds": self = .mends
            case "released", "expired": self = .ends
            // A server that stops keeps nothing, but another may follow it.
            case "bye": self = data.contains("shutting_down") ? .nothing : .ends
            default: self = .nothing
            }
        }
    }

    private func show(_ event: Server.Event) {
        if output.isJSON {
            print("{\"id\":\(event.id ?? "null"),\"event\":\"\(event.name)\",\"data\":\(event.data)}")
        } else {
            let data = try? JSONDocument(parsing: Array(event.data.utf8), limits: MachineFiles.jsonLimits)
                .root
            print(AgreementTable.event(id: event.id ?? "-", name: event.name, data))
        }
        // Whoever reads a pipe wants the line before the next event comes.
        fflush(stdout)
    }

    /// A server that has too many streams is asked again; every other answer ends the command.
    private func refuse(_ answer: Response) throws {
        guard answer.status != 503, answer.status != 429 else { return }
        try output.printer.check(answer)
        throw CommandFailure("the server answers \(answer.status) and no events")
    }
}
