// Renderings over HTTP: which one a request wants, in what it is written, and the problem where a placement
// has none. Placements and agreements answer with them.

package import Fleet
import HTTP
import JSON
import MSIWindows

extension Rendering {
    /// Words for the query and for the command line.
    package static let words = Format.allCases.map { (word: $0.rawValue, value: $0) }

    /// What a resource with renderings answers with, JSON of its own first.
    static let mediaTypes = [MediaType.json, MediaType.plain, MediaType.xml]
}

extension Rendering.Format {
    /// In what its text is written.
    package var mediaType: String {
        switch language {
        case .text: MediaType.plain
        case .json: MediaType.json
        case .xml: MediaType.xml
        }
    }

    fileprivate var contentType: String {
        switch language {
        case .text: MediaType.plain + "; charset=utf-8"
        case .json, .xml: mediaType
        }
    }
}

extension Service {
    /// The format that the query names; nil for the resource itself. Refuses a format that is written in
    /// nothing that the request accepts.
    func renderingFormat(_ context: RequestContext) throws(Problem) -> Rendering.Format? {
        let query = context.query
        let format = query.value("format")?.choice(Rendering.words, query.problems)
        try query.check()
        let written = format?.mediaType ?? MediaType.json
        let accepted = context.request.head.headers.all("Accept")
        guard Negotiation.choose(from: [written], accepting: accepted) != nil else {
            throw Problem(
                .notAcceptable,
                format.map { "The format \($0.rawValue) is available only as \(written)." }
                    ?? "Without the parameter \"format\" this resource is available only as \(written).")
        }
        return format
    }

    /// A placement as text.
    ///
    /// - Parameters:
    ///   - hosts: see `Rendering.text`.
    ///   - mark: likewise.
    func rendering(
        _ format: Rendering.Format, of placement: Placement, _ guest: GuestDemand, _ window: WindowDemand,
        hosts: [String], mark: String? = nil
    ) throws(Problem) -> Response {
        do throws(Rendering.Refusal) {
            let text = try Rendering.text(
                format, of: placement, guest: guest, window: window, hosts: hosts, mark: mark)
            return Response(
                status: 200, headers: HeaderFields([.init("Content-Type", format.contentType)]),
                body: Array(text.utf8))
        } catch {
            throw Problem(
                .invalidRequest, "No text in the format \(format.rawValue): \(error.because)",
                errors: [
                    JSONProblem(
                        pointer: QueryReader.pointer("format"), code: "no-rendering", detail: error.because)
                ])
        }
    }
}

extension JSONWriter {
    /// What a list does not show of a window, with the lines that would.
    ///
    /// - Parameter host: nil in an answer about one device.
    mutating func missingDescription(_ missing: UndescribedRange, host: String? = nil) {
        object { writer in
            if let host { writer.member("host", host) }
            writer.member("device", missing.device)
            writer.range("range", missing.range)
            writer.member("kind", missing.kind.rawValue)
            writer.member("because", missing.because)
            var refusals: [(Rendering.Format, Rendering.Refusal)] = []
            do throws(Rendering.Refusal) {
                writer.member("device_tree", try missing.deviceTree())
            } catch {
                refusals.append((.deviceTree, error))
            }
            do throws(Rendering.Refusal) {
                writer.member("iort_rmr", try missing.memoryRange())
            } catch {
                refusals.append((.iortRMR, error))
            }
            writer.array("not_available") { writer in
                for (format, refusal) in refusals {
                    writer.object { writer in
                        writer.member("format", format.rawValue)
                        writer.member("because", refusal.because)
                    }
                }
            }
        }
    }
}
