// Rows that are run again, in the service of the ledger that nobody can reach.

import HTTP
import Locking
import Sandboxes
import Storage

/// Why an entity cannot be built from its rows.
enum ReplayFault: Error {
    case storage(StorageFailure)
    /// A row that this version did not write, or that has another effect than it had.
    case unreadable(String)
}

extension Ledger {
    /// Runs a row of an entity. Whoever calls it holds `replaying`.
    func run(_ bytes: [UInt8], in platforms: PlatformStore) throws(ReplayFault) {
        guard let command = StoredCommand(bytes) else {
            throw .unreadable("a row is of another version")
        }
        do throws(StorageFailure) {
            scratch.platforms.replaceAll(with: try entries(of: command.pins, in: platforms))
        } catch {
            throw .storage(error)
        }
        note { $0.replayed += 1 }
        switch command.operation {
        case .request(let method): try run(command, method)
        case .review: scratch.reviewAgain(command, renaming: nil)
        case .renaming(let from, let digest, let to):
            scratch.reviewAgain(command, renaming: (from, digest, to))
        }
    }

    private func run(_ command: StoredCommand, _ method: Method) throws(ReplayFault) {
        guard let context = RequestContext(replaying: command, method) else {
            throw .unreadable(
                "no operation is \(method.name) \(String(decoding: command.target, as: UTF8.self))")
        }
        // What was refused then and changed something all the same is refused again.
        _ = try? context.plan.route.handler(scratch)(context)
    }
}

extension RequestContext {
    /// A request as it was kept; nil where no route has its path.
    init?(replaying command: StoredCommand, _ method: Method) {
        guard let target = try? RequestTarget(parsing: command.target),
            let route = RouteTable.match(target.path)?.route(method)
        else { return nil }
        var fields: [HeaderFields.Field] = []
        if let type = command.mediaType { fields.append(.init("Content-Type", type)) }
        let head = RequestHead(
            method: method, rawTarget: command.target, headers: HeaderFields(fields), peer: "",
            client: command.circumstances.client)
        let mediaType = command.mediaType.map { Negotiation.mediaType($0) }
        let plan = Plan(
            route: route, target: target, produces: route.produces[0],
            reads: route.reads.first { $0.mediaType == mediaType }, requestID: "",
            caller: Caller(name: command.owner, scopes: Caller.everything), file: nil)
        self.init(request: Request(head: head, body: command.body), plan: plan, work: .light)
        again = Again(command)
    }

    /// What the request finds beside itself, where it is kept or run again.
    private var circumstances: Circumstances? { transaction?.circumstances ?? again?.command.circumstances }

    /// Milliseconds since 1970 in UTC.
    func now(_ service: Service) -> UInt64 { circumstances?.now ?? service.configuration.wallClock() }

    /// A number that nobody can guess.
    func random(_ service: Service) -> UInt64 { circumstances?.random ?? service.configuration.random() }

    /// The command that this request is kept as.
    ///
    /// - Parameter pins: platforms that its effect depends on.
    func command(pins: [StoredCommand.Pin] = []) -> StoredCommand {
        guard let circumstances else { preconditionFailure("request \(requestID) is not kept") }
        return StoredCommand(
            operation: .request(head.method), target: head.rawTarget,
            mediaType: head.headers["Content-Type"], circumstances: circumstances, owner: caller.name,
            pins: pins, body: request.body)
    }
}
