// `iovad sbom`: what this binary consists of, as SPDX 2.3 in JSON. What is compiled in is named here, with
// the pins of Package.resolved; which shared objects are loaded is the process's own list of mappings, and
// whose they are is dpkg's. What neither knows is NOASSERTION: nothing is guessed.

import AddressSpaces
import ArgumentParser
import Glibc
import JSON

struct SBOM: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sbom",
        abstract: "Print what this binary consists of, as SPDX 2.3 JSON.",
        discussion: """
            Shared libraries are those that are loaded now, with the versions of the packages that are \
            installed on this system (dpkg). SOURCE_DATE_EPOCH, where it is set, is the time of the document.
            """)

    func run() throws {
        guard let maps = Files.read("/proc/self/maps") else {
            throw ValidationError("cannot read /proc/self/maps: which libraries are loaded is not known")
        }
        let libraries = LoadedLibrary.all(inMaps: maps)
        let owners = DebianPackages(root: "").owners(of: libraries.map(\.path))
        let document = SPDXDocument(
            libraries: libraries.map { ($0, owners[$0.path]) }, seconds: Self.seconds())
        print(String(decoding: document.json, as: UTF8.self))
    }

    /// Since 1970, of the document's making.
    private static func seconds() -> Int {
        if let stated = getenv("SOURCE_DATE_EPOCH").flatMap({ Int(String(cString: $0)) }) { return stated }
        return time(nil)
    }
}

/// A package that is compiled into the binary.
struct PinnedPackage {
    let name: String
    let location: String
    let version: String
    let revision: String
    let licence: String

    /// As in Package.resolved; what only tests use is not in the binary.
    static let all = [
        PinnedPackage(
            name: "swift-argument-parser", location: "https://github.com/apple/swift-argument-parser",
            version: "1.8.2", revision: "436bde4bb9489201ca6662f5cf94ec45fa8e244e",
            licence: "Apache-2.0 WITH Swift-exception")
    ]
}

/// What the toolchain that builds the binary puts into it, in releases as machine code: the standard library,
/// and what the argument parser uses.
struct ToolchainPart {
    let name: String
    /// How the file begins from which it is loaded, where it is a shared object.
    let file: String

    static let all = [
        ToolchainPart(name: "swift-runtime", file: "libswiftCore."),
        ToolchainPart(name: "swift-foundation", file: "libFoundationEssentials."),
        ToolchainPart(name: "swift-corelibs-libdispatch", file: "libdispatch."),
    ]

    func isLoaded(among libraries: [LoadedLibrary]) -> Bool {
        libraries.contains { $0.name.hasPrefix(file) }
    }
}

/// A shared object that is mapped into the process.
struct LoadedLibrary: Equatable {
    let path: String
    var name: String { String(path.split(separator: "/").last ?? "") }

    /// Those of /proc/PID/maps, each once, in the order of their names.
    static func all(inMaps maps: [UInt8]) -> [LoadedLibrary] {
        var paths: Set<String> = []
        for line in maps.split(separator: 0x0a) {
            guard let slash = line.firstIndex(of: UInt8(ascii: "/")) else { continue }
            let path = String(decoding: line[slash...], as: UTF8.self)
            let name = path.split(separator: "/").last ?? ""
            // Locales, the binary itself and the like are mapped as well.
            guard name.hasSuffix(".so") || name.contains(".so.") else { continue }
            paths.insert(path)
        }
        return paths.map(LoadedLibrary.init).sorted { ($0.name, $0.path) < ($1.name, $1.path) }
    }
}

/// The document, written from what was found.
struct SPDXDocument {
    let libraries: [(library: LoadedLibrary, package: DebianPackage?)]
    let seconds: Int

    private static let unknown = "NOASSERTION"

    var json: [UInt8] {
        var writer = JSONWriter(reservingBytes: 16 << 10)
        writer.object { writer in
            writer.member("spdxVersion", "SPDX-2.3")
            writer.member("dataLicense", "CC0-1.0")
            writer.member("SPDXID", "SPDXRef-DOCUMENT")
            writer.member("name", "iovad-\(Iovad.version)")
            writer.member("documentNamespace", "https://iovad.invalid/spdx/\(Iovad.version)/\(digest)")
            writer.object("creationInfo") { writer in
                writer.member("created", UTCTime.text(seconds))
                writer.member("creators", strings: ["Tool: iovad-\(Iovad.version)"])
                writer.member(
                    "comment",
                    "Packages are those installed where this ran; the licences of Debian's are in /usr/share/doc."
                )
            }
            writer.array("packages") { writer in
                packages(&writer)
            }
            writer.array("relationships") { writer in
                relationship(&writer, "SPDXRef-DOCUMENT", "DESCRIBES", "SPDXRef-iovad")
                for pinned in PinnedPackage.all {
                    relationship(&writer, "SPDXRef-iovad", "STATIC_LINK", "SPDXRef-\(pinned.name)")
                }
                for part in ToolchainPart.all {
                    relationship(
                        &writer, "SPDXRef-iovad",
                        part.isLoaded(among: libraries.map(\.library)) ? "DYNAMIC_LINK" : "STATIC_LINK",
                        "SPDXRef-\(part.name)")
                }
                for index in libraries.indices {
                    relationship(&writer, "SPDXRef-iovad", "DYNAMIC_LINK", id(of: index))
                }
            }
        }
        return writer.bytes
    }

    private func packages(_ writer: inout JSONWriter) {
        package(
            &writer, "SPDXRef-iovad", "iovad", version: Iovad.version, licence: "Apache-2.0",
            comment: "The modules of this repository, in one binary.")
        for pinned in PinnedPackage.all {
            package(
                &writer, "SPDXRef-\(pinned.name)", pinned.name, version: pinned.version,
                licence: pinned.licence, location: "git+\(pinned.location)@\(pinned.revision)")
        }
        for part in ToolchainPart.all {
            package(
                &writer, "SPDXRef-\(part.name)", part.name, version: Self.unknown,
                licence: "Apache-2.0 WITH Swift-exception",
                comment: part.isLoaded(among: libraries.map(\.library))
                    ? "Loaded from the file that begins with \(part.file)"
                    : "Linked statically, as the compiler that built this brings it; the binary does not contain its version."
            )
        }
        for (index, (library, package)) in libraries.enumerated() {
            self.package(
                &writer, id(of: index), library.name, version: package?.version ?? Self.unknown,
                licence: Self.unknown, purl: package?.purl,
                comment: package.map {
                    "\(library.path), of Debian's package \($0.name) (\($0.architecture))."
                }
                    ?? "\(library.path); no installed package of dpkg's has this file.")
        }
    }

    private func id(of index: Int) -> String {
        let plain = libraries[index].library.name.map {
            $0.isASCII && ($0.isLetter || $0.isNumber || ".-".contains($0)) ? $0 : "-"
        }
        return "SPDXRef-so-\(index)-\(String(plain))"
    }

    private func package(
        _ writer: inout JSONWriter, _ id: String, _ name: String, version: String, licence: String,
        location: String = Self.unknown, purl: String? = nil, comment: String? = nil
    ) {
        writer.object { writer in
            writer.member("SPDXID", id)
            writer.member("name", name)
            writer.member("versionInfo", version)
            writer.member("downloadLocation", location)
            writer.member("filesAnalyzed", false)
            writer.member("licenseConcluded", licence)
            writer.member("licenseDeclared", licence)
            writer.member("copyrightText", Self.unknown)
            if let purl {
                writer.array("externalRefs") { writer in
                    writer.object { writer in
                        writer.member("referenceCategory", "PACKAGE-MANAGER")
                        writer.member("referenceType", "purl")
                        writer.member("referenceLocator", purl)
                    }
                }
            }
            if let comment { writer.member("comment", comment) }
        }
    }

    private func relationship(_ writer: inout JSONWriter, _ from: String, _ kind: String, _ to: String) {
        writer.object { writer in
            writer.member("spdxElementId", from)
            writer.member("relationshipType", kind)
            writer.member("relatedSpdxElement", to)
        }
    }

    /// Of what the document is about: two that differ have different namespaces.
    private var digest: String {
        let parts = libraries.map { "\($0.library.path) \($0.package?.version ?? "")" }
        var text = ([Iovad.version, String(seconds)] + parts).joined(separator: "\n")
        return HexLiteral.digits(text.withUTF8 { WordDigest.of(UnsafeRawBufferPointer($0)) })
    }
}
