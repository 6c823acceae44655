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
        var last = after ?? 0
        var isAway = false
        while true {
            do {
                let now = try look(server)
                isAway = false
                let isDone = now.isOver || untilBroken && now.isBroken
                if isDone, last >= now.revision { return try end(now) }
                let end = try server.events(agreement.target("/events"), after: String(last)) { event in
                    last = event.id.flatMap(Int.init) ?? last
                    show(event)
                    // What was before is history; what comes after it, and what was lost, is looked at.
                    return last <= now.revision ? !(isDone && last == now.revision) : !Self.turns(event)
                }
                if case .refused(let answer) = end { try refuse(Server.response(answer)) }
                if case .stopped = end { continue }
            } catch let error as Server.Failure {
                // A server that was there once may come back.
                guard case .unreachable = error, last > 0 || isAway else { throw server.failure(error) }
                if !isAway { Console.say("\(server.failure(error)); trying again") }
                isAway = true
            }
            usleep(Self.pauseMicroseconds)
        }
    }

    /// The agreement as it is.
    private struct Look {
        let revision: Int
        let isBroken: Bool
        let isOver: Bool
    }

    private func look(_ server: Server) throws -> Look {
        let message = Server.Message("GET", agreement.target())
        let answer = Server.response(try server.send(message))
        try refuse(answer)
        let shown = try output.printer.document(answer)
        return Look(
            revision: shown.member("revision")?.int(in: 0...Int.max, ProblemList(limit: 1)) ?? 0,
            isBroken: shown.member("broken")?.kind == .object, isOver: shown.text("state") == "released")
    }

    private func end(_ now: Look) throws {
        if now.isBroken, !now.isOver { throw Ending.broken.code }
    }

    /// Whether an event may be one after which the watch ends, or hides some.
    private static func turns(_ event: Server.Event) -> Bool {
        switch event.name {
        case "broken", "released", "gap", "bye": true
        default: false
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

    /// A server that has too many streams is asked again; every other refusal ends the command.
    private func refuse(_ answer: Response) throws {
        guard answer.status != 503, answer.status != 429 else { return }
        try output.printer.check(answer)
    }
}
