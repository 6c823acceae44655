// Which files a survey reads: those named, and everything below folders that is called like firmware.

import Glibc
import PlatformIngestion
import Platforms
import WireJSON

enum SurveyFiles {
    /// Names below a folder that are read; files that are named outright may be called anything.
    private static let suffixes = [".dtb", ".json"]
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
        guard depth < depthMax, let stream = opendir(folder) else { return [] }
        defer { closedir(stream) }
        var names: [(name: String, isFolder: Bool)] = []
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { field in
                field.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            guard name != ".", name != ".." else { continue }
            // Some file systems do not tell the type here; a link to a folder is not followed.
            let type = Int(entry.pointee.d_type)
            let isFolder = type == DT_DIR || (type == DT_UNKNOWN && Files.isFolder("\(folder)/\(name)"))
            names.append((name, isFolder))
        }
        return names.sorted { $0.name < $1.name }.flatMap { name, isFolder -> [Entry] in
            let path = "\(folder)/\(name)"
            if isFolder { return walk(path, prefix: "\(prefix)\(name)/", depth: depth + 1) }
            guard let suffix = suffixes.first(where: { name.hasSuffix($0) }) else { return [] }
            return [Entry(name: prefix + name.dropLast(suffix.count), path: path)]
        }
    }

    private static func base(_ path: String) -> String {
        let name = path.split(separator: "/").last.map(String.init) ?? path
        let suffix = suffixes.first { name.hasSuffix($0) } ?? ""
        return String(name.dropLast(suffix.count))
    }

    /// The machine in a file, or one line on why it is none.
    static func read(_ entry: Entry) -> Result<Platform, Unreadable> {
        guard let bytes = Files.read(entry.path) else {
            return .failure(Unreadable(reason: "cannot be opened"))
        }
        if bytes.starts(with: DeviceTreeReader.magic) {
            do { return .success(try DeviceTreeReader.read(bytes)) } catch {
                return .failure(Unreadable(reason: "\(error.reason)"))
            }
        }
        let problems = ProblemList(limit: 1)
        let limits = JSONLimits(bytesMax: 64 << 20, depthMax: 32, valuesMax: 4_000_000)
        guard let document = try? JSONDocument(parsing: bytes, limits: limits) else {
            return .failure(Unreadable(reason: "neither a device tree nor JSON"))
        }
        let platform = NativePlatform.read(document.root, problems)
        guard let first = problems.problems.first else { return .success(platform) }
        return .failure(Unreadable(reason: "\(first.pointer): \(first.detail)"))
    }

    struct Unreadable: Error {
        var reason: String
    }
}
