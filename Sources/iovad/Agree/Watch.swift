// `iovad agree watch`: the events of an agreement as they come, a line each. A connection that is cut is
// made again, and goes on after the last event, so that none is lost.

import ArgumentParser
// The stream of standard output is a variable of C's, which Swift takes for one that anybody may change.
@preconcurrency import Glibc
import HTTP
import HTTPClient
import JSON

struct Watch: ServerCommand {
    static let configuration = CommandConfiguration(
        commandName: "watch", abstract: "Print the events of an agreement as they come.",
        discussion: """
            It ends with 0 when the agreement is released, and with 1 when it is removed or its time is \
            over. Where a server that was there is away it goes on trying, and goes on after the last \
            event that it had.
            """)

    @OptionGroup var agreement: AgreementArgument
    @Option(
        help: ArgumentHelp("Only events after this one. Default: all that the server has.", valueName: "id"))
    var after: Int?
    @Flag(help: "End with 4 as soon as a host breaks the promise, even if it is mended at once.")
    var untilBroken = false
    @OptionGroup var server: ServerOption
    @OptionGroup var output: OutputOption

    /// Between two tries.
    private static let pauseMicroseconds: UInt32 = 1_000_000

    func answer(_ server: Server) throws {
        let printer = printer(server).printer
        let reader = AgreementEventReader(isJSON: output.isJSON, last: after ?? 0)
        // The revision at the first look; nil until the server was there.
        var history: Int?
        var isAway = false
        while true {
            do {
                let now = try look(server, printer, wasThere: history != nil)
                isAway = false
                // Below what was read: another agreement of the same id, after a restart of the server.
                if history == nil || now.revision < reader.last { history = now.revision }
                let isDone = now.isOver || untilBroken && now.isBroken
                if isDone, reader.last >= now.revision {
                    return try (now.isBroken && !now.isOver ? Ending.broken : .holds).end()
                }
                if try follow(server, printer, reader, now, isDone, history: history ?? 0) { continue }
            } catch let error as Server.Failure {
                guard history != nil, Self.isPassing(error) else { throw server.failure(error) }
                if !isAway { Console.say("\(server.failure(error)); trying again") }
                isAway = true
            } catch let error as Busy {
                if !isAway { Console.say("\(server.base) has answered \(error.status); trying again") }
                isAway = true
            }
            usleep(Self.pauseMicroseconds)
        }
    }

    /// The server, or a proxy before it, has no answer at this moment.
    private struct Busy: Error {
        let status: Int

        init?(_ status: Int) {
            guard [429, 502, 503, 504].contains(status) else { return nil }
            self.status = status
        }
    }

    /// A server that was there once may come back.
    private static func isPassing(_ failure: Server.Failure) -> Bool {
        switch failure {
        case .unreachable, .broken: true
        case .noLibrary, .tooLong, .noEvents: false
        }
    }

    /// The agreement as it is.
    private struct Look {
        let revision: Int
        let isBroken: Bool
        let isOver: Bool
    }

    private func look(_ server: Server, _ printer: AnswerPrinter, wasThere: Bool) throws -> Look {
        let answer = Server.response(try server.send(Server.Message("GET", agreement.target())))
        if wasThere, let busy = Busy(answer.status) { throw busy }
        try printer.check(answer)
        let shown = try printer.document(answer)
        return Look(
            revision: shown.member("revision")?.int(in: 0...Int.max, ProblemList(limit: 1)) ?? 0,
            isBroken: shown.member("broken")?.kind == .object, isOver: shown.text("state") == "released")
    }

    /// Prints events until the agreement is to be looked at again: at once where true is returned, after a
    /// pause otherwise.
    private func follow(
        _ server: Server, _ printer: AnswerPrinter, _ reader: AgreementEventReader, _ now: Look,
        _ isDone: Bool, history: Int
    ) throws -> Bool {
        reader.begin()
        let end = try server.events(agreement.target("/events"), after: String(reader.last)) { event in
            guard let names = reader.take(event) else { return true }
            if !reader.isHeard || reader.farewell != nil { return false }
            if untilBroken, reader.last > history, names.contains("broken") {
                reader.hasBroken = true
                return false
            }
            // What was before is history; what comes after it, and what was lost, is looked at.
            return reader.last <= now.revision
                ? !(isDone && reader.last == now.revision)
                : !names.contains { ["broken", "released", "gap"].contains($0) }
        }
        // Why is said when the process ends.
        if !reader.isHeard { throw Ending.failed.code }
        if reader.hasBroken { throw Ending.broken.code }
        if let farewell = reader.farewell {
            throw CommandFailure("agreement \"\(Report.printable(agreement.id))\" \(farewell.words)")
        }
        switch end {
        case .stopped: return true
        case .cut: return false
        case .refused(let answer):
            if let busy = Busy(answer.status) { throw busy }
            try printer.check(Server.response(answer))
            throw Server.Failure.noEvents(answer.status)
        }
    }
}

/// Prints the events of an agreement. Those of one revision come together, and only the last of them has the
/// id: they are printed when it is there, since a reader that goes on after another one gets all of them.
private final class AgreementEventReader {
    /// Why there are no more events, ever.
    enum Farewell: String {
        case expired = "agreement_expired"
        case deleted = "agreement_deleted"

        var words: String {
            switch self {
            case .expired: "was not renewed, and its time is over"
            case .deleted: "was removed"
            }
        }
    }

    private let isJSON: Bool
    /// The revision up to which all was printed.
    private(set) var last: Int
    private(set) var farewell: Farewell?
    /// A host broke the promise after the watch began.
    var hasBroken = false
    /// Whether standard output took all that was printed.
    private(set) var isHeard = true
    private var held: [Server.Event] = []

    init(isJSON: Bool, last: Int) {
        self.isJSON = isJSON
        self.last = last
    }

    /// A connection begins: what was held is sent again.
    func begin() { held = [] }

    /// The names of what was printed; nil while the events of a revision are not all there.
    func take(_ event: Server.Event) -> [String]? {
        let isBye = event.name == "bye"
        guard event.id != nil || isBye else {
            held.append(event)
            return nil
        }
        let events = isBye ? [event] : held + [event]
        if !isBye { held = [] }
        last = event.id.flatMap(Int.init) ?? last
        for printed in events { print(isJSON ? Self.json(printed, event.id) : Self.text(printed, event.id)) }
        // Whoever reads a pipe wants the lines before the next event comes.
        isHeard = fflush(stdout) == 0 && ferror(stdout) == 0
        if isBye { farewell = Self.document(event)?.member("reason")?.text.flatMap(Farewell.init) }
        return events.map(\.name)
    }

    /// nil for what is no JSON.
    private static func document(_ event: Server.Event) -> JSONNode? {
        try? JSONDocument(parsing: Array(event.data.utf8), limits: MachineFiles.jsonLimits).root
    }

    private static func text(_ event: Server.Event, _ id: String?) -> String {
        AgreementTable.event(id: id ?? "-", name: event.name, document(event))
    }

    /// In one line.
    private static func json(_ event: Server.Event, _ id: String?) -> String {
        let number = id.map { Int($0).map(String.init) ?? quoted($0) } ?? "null"
        let data =
            document(event) == nil ? quoted(event.data) : event.data.replacing("\n", with: " ")
        return "{\"id\":\(number),\"event\":\(quoted(event.name)),\"data\":\(data)}"
    }

    private static func quoted(_ text: String) -> String {
        var writer = JSONWriter()
        writer.string(text)
        return String(decoding: writer.bytes, as: UTF8.self)
    }
}
