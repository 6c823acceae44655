// Hosts from a stream of lines: the path of a machine, or a machine as JSON. A line is read when the one
// before it is done with, so that a stream may be longer than memory.

import API
import AddressSpaces
import Glibc
import Ingestion
import JSON

/// The lines of a file or of standard input, one after another.
final class LineReader {
    private let file: UnsafeMutablePointer<FILE>
    /// Its name, for the start of a message.
    let place: String
    private let fault: String
    private var buffer: UnsafeMutablePointer<CChar>?
    private var room = 0
    private(set) var number = 0

    /// "-" is standard input.
    init(_ path: String, named flag: String) throws(FileFault) {
        place = path == "-" ? Files.standardInput : path
        fault = "\(flag) \(place)"
        guard let file = path == "-" ? fdopen(dup(0), "rb") : fopen(path, "rb") else {
            throw FileFault(place: fault, code: errno)
        }
        self.file = file
    }

    deinit {
        free(buffer)
        fclose(file)
    }

    /// The next line without its end; nil after the last.
    func next() throws(FileFault) -> [UInt8]? {
        errno = 0
        let count = getline(&buffer, &room, file)
        guard count >= 0, let buffer else {
            if ferror(file) != 0 { throw FileFault(place: fault, code: errno) }
            return nil
        }
        number += 1
        let bytes = UnsafeRawBufferPointer(start: buffer, count: count)
        return Array(bytes.last == 0x0a ? UnsafeRawBufferPointer(rebasing: bytes.dropLast()) : bytes)
    }
}

/// A machine of a survey that is to be decided.
struct HostInput {
    let name: String
    /// For the start of a message.
    let label: String
    let parts: [InputPart]

    /// A machine as JSON: the native model or a collection, or `{"name", "platform"}` with one of them. Without
    /// a name it is called by a digest of its bytes, so that it is called the same in whatever part it is.
    static func line(_ bytes: [UInt8], label: String) -> Result<HostInput, MachineFiles.Unreadable> {
        func fault(_ sentence: String) -> Result<HostInput, MachineFiles.Unreadable> {
            .failure(.init(line: "\(label): \(sentence)"))
        }
        let document: JSONDocument
        do {
            document = try JSONDocument(parsing: bytes, limits: MachineFiles.jsonLimits)
        } catch {
            return fault(PlatformError.json(error).sentence)
        }
        guard document.root.member("platform") != nil else {
            let digest = bytes.withUnsafeBytes { WordDigest.of($0) }
            return .success(HostInput(name: HexLiteral.text(digest), label: label, bytes))
        }
        let problems = ProblemList(limit: 1)
        var name: String?
        var platform: ArraySlice<UInt8> = []
        if var reader = ObjectReader(document.root, problems) {
            name = reader.required("name")?.line(bytesMax: Limits.nameBytesMax, problems)
            let node = reader.required("platform")
            platform = node?.containerSource ?? []
            reader.finish()
        }
        if let first = problems.problems.first {
            return fault("\(Report.member(first.pointer)): \(first.detail)")
        }
        guard let name, !platform.isEmpty else { return fault("platform: a machine is an object of JSON") }
        return .success(HostInput(name: name, label: label, Array(platform)))
    }

    private init(name: String, label: String, _ json: [UInt8]) {
        self.init(name: name, label: label, parts: [InputPart(name: label, bytes: json, labelled: nil)])
    }

    init(name: String, label: String, parts: [InputPart]) {
        (self.name, self.label, self.parts) = (name, label, parts)
    }

    /// What two machines have in common that are the same: the name of a file tells what it is only where
    /// there are several.
    var content: [UInt8] {
        guard parts.count > 1 else { return parts.first?.bytes ?? [] }
        return parts.flatMap { Array($0.name.utf8) + [0] + $0.bytes }
    }
}
