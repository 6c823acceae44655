// Where a command reads machines from: files that are named, several files of one machine, standard input,
// folders, and a host's tree with sys/ and proc/. The bytes of a file decide what it contains, by the readers
// of POST /v1/platforms. A folder with an IORT or a VIOT is one machine's: the tables and texts beside it
// that supplement it are read with it, its other tables are not; so are texts beside the only device tree.

import API
import AddressSpaces
import ArgumentParser
import Glibc
import Ingestion
import JSON
import Machines

enum MachineFiles {
    /// Names below a folder that are read; files that are named outright may be called anything.
    static let suffixes = [treeSuffix, ".json", ".aml", ".txt"]
    static let names = suffixes.map { "*\($0)" }.joined(separator: ", ") + ", IORT, VIOT"
    /// Stems of files with a table that describes IOMMUs, of any suffix: so /sys/firmware/acpi/tables and
    /// acpixtract call them. The first that a folder has is its machine, another supplements it.
    private static let tables = ["iort", "viot"]
    /// Of what `iasl` writes beside a table: its source, listings, dumps as text or code, and lists of names.
    /// They are not read.
    private static let sourceSuffixes = [
        ".dsl", ".asl", ".lst", ".hex", ".src", ".asm", ".inc", ".c", ".h", ".i", ".map", ".nsp", ".xrf",
    ]
    /// Stems of what supplements such a table in its folder; an SSDT has a number too.
    private static let supplements = ["apic", "mcfg", "dsdt", "ssdt"] + texts + [commandLine]
    /// Stems of what a running kernel printed, which supplements the only tree of a folder as well.
    private static let texts = ["iomem", "dmesg", "lspci"]
    private static let treeSuffix = ".dtb"
    /// Stem of a file with the words that a kernel was booted with: never a machine's own.
    private static let commandLine = "cmdline"
    private static let numbered = "ssdt"
    enum Source {
        /// A file, and what supplements it beside it.
        case file(String)
        /// Files of one machine, and nothing beside them.
        case files([String])
        case standardInput
        /// A host's tree; the empty path is this host.
        case host(root: String)
        /// A folder that lies so deep that it is not searched.
        case tooDeep(String)
    }

    /// A machine's name and where it is read from.
    struct Entry {
        var name: String
        var source: Source
        /// The flag that named it; empty for an argument without a flag.
        var flag = ""

        var isHost: Bool { if case .host = source { true } else { false } }

        /// For the start of a message.
        var label: String {
            switch source {
            case .file(let path): path
            case .files(let paths): paths.joined(separator: ", ")
            case .standardInput: Files.standardInput
            case .host(let root): root.isEmpty ? "this host" : root
            case .tooDeep(let folder): folder
            }
        }
    }

    /// All machines of the paths, those of a folder sorted by name; folders are walked without following
    /// links.
    static func list(_ paths: [String], named flag: String = "") -> [Entry] {
        paths.flatMap { path -> [Entry] in
            if path == "-" { return [Entry(name: "stdin", source: .standardInput)] }
            guard Files.isFolder(path) else { return [Entry(name: base(path), source: .file(path))] }
            return walk(path, name: base(path), prefix: "", depth: 0)
        }.map { entry in
            var entry = entry
            entry.flag = flag
            return entry
        }
    }

    /// The machine that the paths of a flag describe together.
    static func one(_ paths: [String], named flag: String) throws -> Entry {
        guard paths.count == 1 else {
            if let folder = paths.first(where: Files.isFolder) {
                throw ValidationError(
                    "\(flag): \(folder) is a folder: give a folder alone, or the files in it")
            }
            return Entry(name: base(paths[0]), source: .files(paths), flag: flag)
        }
        let found = list(paths, named: flag)
        if found.count == 1 { return found[0] }
        guard !found.isEmpty else { throw CommandFailure(nothing(in: paths)) }
        let main = found.filter { if case .file(let path) = $0.source { isTable(path) } else { false } }
        if main.count == 1 { return main[0] }
        throw ValidationError(
            "\(flag): \(paths[0]) describes several machines (\(found.prefix(4).map(\.name).joined(separator: ", "))"
                + "\(found.count > 4 ? ", ..." : "")): name the file of one")
    }

    static func nothing(in paths: [String]) -> String {
        "\(paths.joined(separator: ", ")): no file there has one of these names: \(names); and there is no host's "
            + "tree with sys/ and proc/"
    }

    private static func walk(_ folder: String, name: String, prefix: String, depth: Int) -> [Entry] {
        if isHost(folder) {
            return [
                Entry(name: prefix.isEmpty ? name : String(prefix.dropLast()), source: .host(root: folder))
            ]
        }
        guard depth < Limits.surveyFolderDepthMax else {
            return [Entry(name: name, source: .tooDeep(folder))]
        }
        guard let entries = Files.entries(in: folder) else {
            // Whoever reads it as a file is told why it cannot be read.
            let name = prefix.isEmpty ? name : String(prefix.dropLast())
            return [Entry(name: name, source: .file(folder))]
        }
        let names = entries.map { (name: $0.repairedName, isFolder: $0.isFolder) }.sorted {
            $0.name < $1.name
        }
        let stems = names.filter { !$0.isFolder }.map { stem(of: $0.name) }
        let table = tables.first { stems.contains($0) }
        let trees = names.filter { !$0.isFolder && suffix(of: $0.name) == treeSuffix }.map(\.name)
        let tree = table == nil && trees.count == 1 ? trees[0] : nil
        func isMachine(_ name: String) -> Bool {
            guard suffix(of: name) != nil, !belongs(name, to: table), let stem = stem(of: name) else {
                return false
            }
            return stem != commandLine && (tree == nil || tree == name || !texts.contains(stem))
        }
        func files(_ stems: [String]) -> [String] {
            stems.compactMap { wanted in
                names.first { stem(of: $0.name) == wanted && Files.isFile("\(folder)/\($0.name)") }?.name
            }
        }
        // That of the only machine, where the folder has no table that finds it by itself.
        let isAlone = table == nil && names.filter { !$0.isFolder && isMachine($0.name) }.count == 1
        let words = isAlone ? files([commandLine]) : []
        return names.flatMap { name, isFolder -> [Entry] in
            let path = "\(folder)/\(name)"
            if isFolder { return walk(path, name: name, prefix: "\(prefix)\(name)/", depth: depth + 1) }
            guard isMachine(name), let suffix = suffix(of: name) else { return [] }
            // A pipe that nobody writes to has no end. A dangling link is reported as unreadable.
            guard Files.isFile(path) || access(path, F_OK) != 0 else { return [] }
            let others = (name == tree ? files(texts) : []) + words
            let source =
                others.isEmpty ? Source.file(path) : .files([path] + others.map { "\(folder)/\($0)" })
            return [Entry(name: prefix + name.dropLast(suffix.count), source: source)]
        }
    }

    /// Whether a folder is a host's tree, as `iovad collect --root` takes it.
    private static func isHost(_ folder: String) -> Bool {
        Files.isFolder("\(folder)/sys/kernel") || Files.isFolder("\(folder)/sys/firmware")
    }

    /// The suffix by which a name below a folder is known; nil for names that are left alone.
    private static func suffix(of name: String) -> String? {
        let suffix = split(name).suffix
        return isTable(name) ? suffix : suffixes.first { $0 == suffix }
    }

    /// Whether a file is read with its folder's table, if there is one, or left out beside it.
    private static func belongs(_ name: String, to table: String?) -> Bool {
        guard let table, let stem = stem(of: name), stem != table else { return false }
        return (tables + supplements).contains { isStem(stem, of: $0) } || split(name).suffix == ".aml"
    }

    private static func isTable(_ path: String) -> Bool {
        stem(of: last(path)).map(tables.contains) ?? false
    }

    /// In lower case; nil for what is written of a table.
    private static func stem(of name: String) -> String? {
        let (stem, suffix) = split(name)
        return sourceSuffixes.contains(suffix.lowercased()) ? nil : stem.lowercased()
    }

    private static func split(_ name: String) -> (stem: String, suffix: String) {
        guard let dot = name.lastIndex(of: "."), dot != name.startIndex else { return (name, "") }
        return (String(name[..<dot]), String(name[dot...]))
    }

    private static func last(_ path: String) -> String {
        path.split(separator: "/").last.map(String.init) ?? path
    }

    private static func base(_ path: String) -> String {
        let name = last(path)
        let suffix = suffix(of: name) ?? ""
        return String(name.dropLast(suffix.count))
    }

    /// `VIOT`, `APIC`, `MCFG`, `DSDT`, `SSDT1`, `iomem.txt`, `dmesg.txt` and `cmdline` beside `IORT`,
    /// whatever their suffixes; none for other names.
    private static func supplements(of path: String) -> [String] {
        guard isTable(path) else { return [] }
        let folder = folder(of: path)
        let names = Files.names(in: folder.isEmpty ? "." : folder).compactMap { name in
            stem(of: name).map { (name: name, stem: $0) }
        }
        let own = stem(of: last(path))
        return (tables.filter { $0 != own } + supplements).flatMap { wanted in
            names.filter { isStem($0.stem, of: wanted) && Files.isFile(folder + $0.name) }
                .sorted { ($0.stem.utf8.count, $0.name) < ($1.stem.utf8.count, $1.name) }
                .prefix(wanted == numbered ? AMLLimits.collectedSSDTsMax : 1)
        }.map { folder + $0.name }
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
}

// MARK: Reading

extension MachineFiles {
    struct Unreadable: Error {
        /// One line: the place and what is wrong with it.
        var line: String
    }

    /// What was read of a machine.
    struct Machine {
        var platform: Platform
        /// Of a running host, as it was collected; empty for other descriptions.
        var groups: [HostGroup]
        /// What the platform was read from.
        var bytes: [UInt8]
        /// What could not be collected.
        var notes: [String] = []
    }

    /// The machine, or one line that says why there is none.
    static func read(
        _ entry: Entry, _ options: PlatformReader.Options = MachineFiles.options
    ) -> Result<Machine, Unreadable> {
        var notes: [String] = []
        return parts(of: entry, &notes).flatMap { parts in
            platform(parts, entry, options).map {
                Machine(
                    platform: $0, groups: parts.flatMap { HostGroup.list(in: $0.bytes) },
                    bytes: parts.flatMap(\.bytes), notes: notes)
            }
        }
    }

    /// What the machine is read from, or one line that says why that cannot be read.
    static func parts(of entry: Entry) -> Result<[InputPart], Unreadable> {
        var notes: [String] = []
        return parts(of: entry, &notes)
    }

    private static func parts(of entry: Entry, _ notes: inout [String]) -> Result<[InputPart], Unreadable> {
        switch entry.source {
        case .file(let path): return parts([path] + supplements(of: path), entry)
        case .files(let paths): return parts(paths, entry)
        case .standardInput: return parts(["-"], entry)
        case .tooDeep(let folder):
            return .failure(
                Unreadable(
                    line:
                        "\(folder): not searched: more than \(Limits.surveyFolderDepthMax) folders below the one "
                        + "that was named; name it itself"))
        case .host(let root):
            var collection = HostCollection(root: root)
            let bytes = collection.json
            if let code = collection.shortage {
                let reason = String(cString: strerror(code))
                return .failure(Unreadable(line: "\(entry.label): cannot be read: \(reason)"))
            }
            notes = collection.notes
            return .success([InputPart(name: "collection", bytes: bytes, labelled: nil)])
        }
    }

    private static func parts(_ paths: [String], _ entry: Entry) -> Result<[InputPart], Unreadable> {
        var parts: [InputPart] = []
        for path in paths {
            do throws(FileFault) {
                parts.append(
                    InputPart(
                        name: path == "-" ? Files.standardInput : last(path),
                        bytes: try Files.contents(path, named: entry.flag, takesInput: true), labelled: nil,
                        isWhole: paths.count == 1))
            } catch {
                return .failure(Unreadable(line: error.description))
            }
        }
        return .success(parts)
    }

    /// The machine that parts describe, or one line that says why they describe none.
    static func platform(
        _ parts: [InputPart], _ entry: Entry, _ options: PlatformReader.Options
    ) -> Result<Platform, Unreadable> {
        let problems = ProblemList(limit: 1)
        let platform: Platform
        do {
            platform = try PlatformReader.read(parts, options, problems)
        } catch {
            let line = other(parts, entry) ?? "\(entry.label): \(error.sentence)\(elsewhere(error))"
            return .failure(Unreadable(line: line))
        }
        if let first = problems.problems.first {
            let member = Report.member(first.pointer)
            let line = "\(entry.label): \(member.isEmpty ? "" : member + ": ")\(first.detail)"
            return .failure(Unreadable(line: other(parts, entry) ?? line))
        }
        return .success(platform)
    }

    /// What a JSON file is that was given as a machine, and describes none; nil where all may be of one.
    private static func other(_ parts: [InputPart], _ entry: Entry) -> String? {
        for part in parts {
            guard let kind = JSONFileKind(part.bytes), kind != .machine else { continue }
            let name = parts.count == 1 ? entry.label : part.name
            return kind.complaint(about: name, insteadOf: "machine")
        }
        return nil
    }

    /// Which command reads what describes no machine.
    private static func elsewhere(_ error: PlatformError) -> String {
        guard case .misplaced(_, let kind) = error else { return "" }
        switch kind {
        case .trace, .faultLog, .mapFailures: return "; give it to iovad explain"
        case .deviceTree, .acpiTables, .acpiDump, .json, .sysfs, .iomem, .bootLog, .pciListing, .commandLine:
            return ""
        }
    }

    /// Wider than the server's: a file of one's own is no attack.
    static let jsonLimits = JSONLimits(
        bytesMax: 64 << 20, depthMax: Limits.jsonDepthMax, valuesMax: 4_000_000)
    /// Nothing is said beside the files.
    static let options = PlatformReader.Options(json: jsonLimits)
}

/// An IOMMU group of a collected host: which devices there are to ask about.
struct HostGroup {
    var id: String
    var type: String?
    var devices: [String]

    /// The groups of a collection; empty for bytes of another kind.
    static func list(in bytes: [UInt8]) -> [HostGroup] {
        guard InputKind.sniff(bytes) == .json,
            let document = try? JSONDocument(parsing: bytes, limits: MachineFiles.jsonLimits),
            let host = document.root.member("collected")
        else { return [] }
        return host.children("groups").map { group in
            HostGroup(
                id: group.text("id"), type: group.member("type")?.text,
                devices: group.children("devices").compactMap(\.text).filter { !$0.isEmpty })
        }
    }
}
