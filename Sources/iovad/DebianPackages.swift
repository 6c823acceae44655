// Which installed packages files are from, read from dpkg's own records (/var/lib/dpkg: info/*.list and
// status). dpkg itself is not run: this program starts no other.

/// An installed package.
struct DebianPackage: Equatable {
    let name: String
    let version: String
    let architecture: String

    /// The name of a package and its version for those who look for known faults.
    var purl: String { "pkg:deb/debian/\(Self.encoded(name))@\(Self.encoded(version))?arch=\(architecture)" }

    /// What names and versions may contain beside letters, digits and `.-~` is percent-encoded.
    private static func encoded(_ text: String) -> String {
        text.replacing("%", with: "%25").replacing("+", with: "%2B").replacing(":", with: "%3A")
    }
}

struct DebianPackages {
    /// Of a copied tree; empty for this system.
    let root: String

    /// The packages of those paths that one has. O(files that are installed).
    func owners(of paths: [String]) -> [String: DebianPackage] {
        var wanted: [String: String] = [:]
        for path in paths {
            wanted[path] = path
            // Where /lib is a link to /usr/lib, packages may name either.
            if path.hasPrefix("/usr/") { wanted[String(path.dropFirst(4))] = path }
        }
        guard !wanted.isEmpty else { return [:] }
        let installed = installed()
        var found: [String: DebianPackage] = [:]
        let folder = root + "/var/lib/dpkg/info"
        for name in Files.names(in: folder) where name.hasSuffix(".list") {
            guard let package = installed[String(name.dropLast(5))],
                let list = Files.read("\(folder)/\(name)")
            else { continue }
            for line in list.split(separator: 0x0a) where line.contains(0x2e) && Self.mayBeLibrary(line) {
                if let path = wanted[String(decoding: line, as: UTF8.self)] { found[path] = package }
            }
        }
        return found
    }

    /// Most lines are not, and need not become strings.
    private static func mayBeLibrary(_ line: ArraySlice<UInt8>) -> Bool {
        let end = line[(line.lastIndex(of: UInt8(ascii: "/")) ?? line.startIndex)...]
        guard let dot = end.firstIndex(of: UInt8(ascii: ".")) else { return false }
        return end.indices.contains { index in
            index >= dot && end[index...].starts(with: ".so".utf8)
        }
    }

    /// By the names of their lists: `libc6:amd64`, or without the architecture.
    private func installed() -> [String: DebianPackage] {
        guard let status = Files.read(root + "/var/lib/dpkg/status") else { return [:] }
        var packages: [String: DebianPackage] = [:]
        var fields: [String: String] = [:]
        func end() {
            defer { fields = [:] }
            guard let name = fields["Package"], let version = fields["Version"],
                let architecture = fields["Architecture"], fields["Status"]?.hasSuffix(" installed") == true
            else { return }
            let package = DebianPackage(name: name, version: version, architecture: architecture)
            packages[name] = packages[name] ?? package
            packages["\(name):\(architecture)"] = package
        }
        for line in status.split(separator: 0x0a, omittingEmptySubsequences: false) {
            if line.isEmpty { end() }
            for name in ["Package", "Version", "Architecture", "Status"]
            where line.starts(with: "\(name): ".utf8) {
                fields[name] = String(decoding: line.dropFirst(name.utf8.count + 2), as: UTF8.self)
            }
        }
        end()
        return packages
    }
}
