// Which files a survey reads: those named, and everything below folders that has the name of a description
// of a machine. Its bytes decide what a file contains, as for POST /v1/platforms. A folder with an IORT is
// one machine's: APIC, DSDT, SSDTs, /proc/iomem's text and dmesg's beside it are read with it, its other
// tables are not.

import API
import AddressSpaces
import Glibc
import Ingestion
import JSON
import Machines

enum SurveyFiles {
    /// Names below a folder that are read; files that are named outright may be called anything.
    static let suffixes = [".dtb", ".json", ".aml", ".txt"]
    /// The stem of a file with an IORT, of any suffix: so /sys/firmware/acpi/tables and acpixtract call it.
    private static let iort = "iort"
    /// Stems of what supplements the IORT in its folder; an SSDT has a number too.
    private static let supplements = ["apic", "dsdt", "ssdt", "iomem", "dmesg"]
    private static let numbered = "ssdt"
    private static let depthMax = 32

    /// A machine's name and where it is read from.
    struct Entry {
        var name: String
        var path: String
    }

    /// All files, sorted by name; folders are walked without following links.
    static func list(_ paths: [String]) -> [Entry] {
        paths.flatMap { path -> [Entry] in
            guard Files.isFolder(path) else { return [Entry(name: base(path), path: path)] }
            return walk(path, prefix: "", depth: 0)
        }
    }

    private static func walk(_ folder: String, prefix: String, depth: Int) -> [Entry] {
        guard depth < depthMax, let entries = Files.entries(in: folder) else { return [] }
        let names = entries.map { (name: $0.repairedName, isFolder: $0.isFolder) }
        let isMachine = names.contains { !$0.isFolder && stem(of: $0.name) == iort }
        return names.sorted { $0.name < $1.name }.flatMap { name, isFolder -> [Entry] in
            let path = "\(folder)/\(name)"
            if isFolder { return walk(path, prefix: "\(prefix)\(name)/", depth: depth + 1) }
            guard let suffix = suffix(of: name), !(isMachine && belongsToIORT(name)) else { return [] }
            // A pipe that nobody writes to has no end. A dangling link is reported as unreadable.
            guard Files.isFile(path) || access(path, F_OK) != 0 else { return [] }
            return [Entry(name: prefix + name.dropLast(suffix.count), path: path)]
        }
    }

    /// The suffix by which a name below a folder is known; nil for names that are left alone.
    private static func suffix(of name: String) -> String? {
        let suffix = split(name).suffix
        return stem(of: name) == iort ? suffix : suffixes.first { $0 == suffix }
    }

    private static func belongsToIORT(_ name: String) -> Bool {
        let stem = stem(of: name)
        return stem != iort && (supplements.contains { isStem(stem, of: $0) } || split(name).suffix == ".aml")
    }

    private static func stem(of name: String) -> String { split(name).stem.lowercased() }

    private static func split(_ name: String) -> (stem: String, suffix: String) {
        guard let dot = name.lastIndex(of: "."), dot != name.startIndex else { return (name, "") }
        return (String(name[..<dot]), String(name[dot...]))
    }

    private static func base(_ path: String) -> String {
        let name = path.split(separator: "/").last.map(String.init) ?? path
        let suffix = suffix(of: name) ?? ""
        return String(name.dropLast(suffix.count))
    }

    /// The machine in a file, or one line that says why there is none.
    static func read(_ entry: Entry) -> Result<Platform, Unreadable> {
        guard let bytes = Files.read(entry.path) else {
            return .failure(Unreadable(reason: "cannot be opened"))
        }
        var parts = [InputPart(name: "file", bytes: bytes, labelled: nil)]
        for name in supplements(of: entry.path) {
            let path = folder(of: entry.path) + name
            guard let bytes = Files.read(path) else {
                return .failure(Unreadable(reason: "cannot open \(path)"))
            }
            parts.append(InputPart(name: name, bytes: bytes, labelled: nil))
        }
        let problems = ProblemList(limit: 1)
        let options = PlatformReader.Options(
            json: JSONLimits(bytesMax: 64 << 20, depthMax: Limits.jsonDepthMax, valuesMax: 4_000_000))
        let platform: Platform
        do {
            platform = try PlatformReader.read(parts, options, problems)
        } catch {
            return .failure(Unreadable(reason: error.sentence))
        }
        guard let first = problems.problems.first else { return .success(platform) }
        return .failure(Unreadable(reason: "\(first.pointer): \(first.detail)"))
    }

    /// `APIC`, `DSDT`, `SSDT1`, `iomem.txt` and `dmesg.txt` beside `IORT`, whatever their suffixes; none for
    /// other names.
    private static func supplements(of path: String) -> [String] {
        let folder = folder(of: path)
        guard stem(of: String(path.dropFirst(folder.count))) == iort else { return [] }
        let names = Files.names(in: folder.isEmpty ? "." : folder)
        return supplements.flatMap { wanted in
            names.filter { isStem(stem(of: $0), of: wanted) && Files.isFile(folder + $0) }
                .sorted { (stem(of: $0).utf8.count, $0) < (stem(of: $1).utf8.count, $1) }
                .prefix(wanted == numbered ? AMLLimits.collectedSSDTsMax : 1)
        }
    }

    /// `dsdt` of itself, `ssdt12` of `ssdt`.
    private static func isStem(_ stem: String, of wanted: String) -> Bool {
        guard wanted == numbered, stem.hasPrefix(wanted) else { return stem == wanted }
        return stem.utf8.dropFirst(wanted.utf8.count).allSatisfy { DecimalLiteral.isDigit($0) }
    }

    /// With its last slash; empty for a bare name.
    private static func folder(of path: String) -> String {
        path.lastIndex(of: "/").map { String(path[...$0]) } ?? ""
    }

    struct Unreadable: Error {
        var reason: String
    }
}
