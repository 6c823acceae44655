// From the body of an upload to a platform: the parts of the body, what the content type of each says, and
// what the readers refuse as a problem.

import HTTP
import Ingestion
import JSON
import Machines

extension Service {
    /// The platform that the body describes.
    func ingest(_ context: RequestContext) throws(Problem) -> Platform {
        let options = try ingestionOptions(context)
        let parts = try parts(context)
        let problems = ProblemList(limit: Limits.problemErrorsMax)
        let platform: Platform
        do {
            platform = try PlatformReader.read(parts, options, problems)
        } catch {
            throw Problem(error)
        }
        guard problems.isEmpty else { throw .semantic(problems) }
        return platform
    }

    private func ingestionOptions(_ context: RequestContext) throws(Problem) -> PlatformReader.Options {
        var options = PlatformReader.Options(json: jsonLimits)
        let query = context.query
        if let flag = query.flag("preserve_config") { options.preservesPCIConfiguration = flag }
        if let assumption = query.value("assume")?.choice(WireWords.assumptions, query.problems) {
            options.assumption = assumption
        }
        try query.check()
        return options
    }

    private func parts(_ context: RequestContext) throws(Problem) -> [InputPart] {
        let body = context.request.body
        guard let type = context.plan.consumes, type == MediaType.multipart else {
            return [InputPart(name: "body", bytes: body, labelled: Self.promised(context.plan.consumes))]
        }
        do {
            let form = try MultipartForm(body, contentType: context.head.headers["Content-Type"] ?? "")
            // An HTML form sends a file field that was left empty as an empty file without a name.
            return zip(form.parts, form.titles).filter { !($0.0.fileName == "" && $0.0.body.isEmpty) }.map {
                InputPart(
                    name: $0.1, fileName: $0.0.fileName, bytes: $0.0.body,
                    labelled: Self.promised($0.0.mediaType), isWhole: false)
            }
        } catch {
            throw Problem(.malformedMultipart, "The multipart body cannot be parsed: \(error.reason).")
        }
    }

    /// The kinds that a media type may hold; nil when it may hold anything.
    private static func promised(_ mediaType: String?) -> Set<InputKind>? {
        switch mediaType {
        case MediaType.json: [.json]
        case MediaType.deviceTree: [.deviceTree]
        case MediaType.acpiTable: [.acpiTables, .acpiDump]
        case MediaType.plain: Set(InputKind.allCases.filter(\.isPlainText))
        default: nil
        }
    }
}

extension Problem {
    /// A refusal of the platform readers.
    init(_ error: PlatformError) {
        switch error {
        case .json(let error): self.init(error)
        case .deviceTree: self.init(.unreadableDeviceTree, error.sentence + ".")
        case .acpi: self.init(.unreadableIORT, error.sentence + ".")
        case .misplaced(_, let kind):
            self.init(
                .unreadableInput, error.sentence + (kind.use.place.map { ": POST it to \($0)." } ?? "."))
        case .text, .empty, .unknown, .nothingDescribed, .conflict, .tooManyDevices:
            self.init(.unreadableInput, error.sentence + ".")
        }
    }
}
