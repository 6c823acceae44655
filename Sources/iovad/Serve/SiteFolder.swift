// The folder of the static files: where it is, and how it is read into memory at start. Only regular files,
// within limits; a symbolic link is not followed, so that nothing outside the folder is ever served.

import API
import ArgumentParser
import Glibc
import HTTP

enum SiteFolder {
    /// Media types by file name ending. What is not here is served as bytes.
    static let mediaTypes = [
        "html": "text/html", "css": "text/css", "js": "text/javascript", "mjs": "text/javascript",
        "json": "application/json", "svg": "image/svg+xml", "png": "image/png", "jpg": "image/jpeg",
        "webp": "image/webp", "ico": "image/x-icon", "woff2": "font/woff2", "txt": "text/plain",
        "md": "text/markdown", "yaml": "application/yaml", "webmanifest": "application/manifest+json",
        "map": "application/json", "dtb": "application/vnd.devicetree.blob",
    ]
    /// Endings whose files are packed already.
    private static let packedAlready: Set<String> = ["png", "jpg", "webp", "woff2"]

    /// Reads the folder, and the contract beside it.
    static func load(_ folder: String) throws -> Site {
        var site = Site()
        var left = Limits.siteBytesTotalMax
        try add(folder, urlPath: "", depth: 0, to: &site, left: &left)
        for path in ["\(folder)/../openapi.yaml", "\(folder)/openapi.yaml"] {
            guard site.files["/openapi.yaml"] == nil, let contract = Files.read(path) else { continue }
            site.files["/openapi.yaml"] = file(contract, ending: "yaml")
        }
        return site
    }

    private static func add(
        _ folder: String, urlPath: String, depth: Int, to site: inout Site, left: inout Int
    ) throws {
        guard depth <= Limits.siteFolderDepthMax else {
            throw ValidationError(
                "\(folder) is more than \(Limits.siteFolderDepthMax) folders below --public")
        }
        for name in try names(in: folder) where !name.hasPrefix(".") {
            let path = "\(folder)/\(name)"
            var status = stat()
            guard lstat(path, &status) == 0 else { continue }
            if status.st_mode & S_IFMT == S_IFDIR {
                try add(path, urlPath: "\(urlPath)/\(name)", depth: depth + 1, to: &site, left: &left)
            } else if status.st_mode & S_IFMT == S_IFREG {
                guard site.files.count < Limits.siteFilesMax, status.st_size <= left else {
                    throw ValidationError(
                        "\(folder) exceeds the limits of --public: \(Limits.siteFilesMax) files, "
                            + "\(Limits.siteBytesTotalMax) bytes in total")
                }
                let bytes = try Files.contents(path, named: "--public")
                left -= bytes.count
                let ending = name.split(separator: ".").last.map { $0.lowercased() } ?? ""
                site.files["\(urlPath)/\(name)"] = file(bytes, ending: ending)
            }
        }
    }

    private static func file(_ bytes: [UInt8], ending: String) -> Site.File {
        Site.File(
            body: bytes, isPackable: !packedAlready.contains(ending),
            mediaType: mediaTypes[ending] ?? MediaType.octetStream)
    }

    /// Names in a folder, sorted, without those that are not UTF-8: no URL could name them.
    private static func names(in folder: String) throws -> [String] {
        guard let entries = Files.entries(in: folder) else {
            throw FileFault(place: "--public \(folder)", code: errno)
        }
        return entries.compactMap { String(validating: $0.name, as: UTF8.self) }.sorted()
    }

    /// Where the files are when --public is not given: beside the binary, where a package puts them, in the
    /// checkout that the binary was built in, or here. nil when there are none.
    static func defaultFolder() -> String? {
        var candidates: [String] = []
        if let path = Environment.executablePath(), let slash = path.lastIndex(of: "/") {
            let binary = path[..<slash]
            candidates = ["\(binary)/Public", "\(binary)/../share/iovad/Public"]
            var folder = binary
            // .build/<triple>/<configuration>/iovad
            for _ in 0..<4 {
                guard let slash = folder.lastIndex(of: "/") else { break }
                folder = folder[..<slash]
                candidates.append("\(folder)/Public")
            }
        }
        return (candidates + ["Public"]).first { isOurs($0) }
    }

    /// Not any folder that happens to be called Public: ours has the contract beside or in it.
    private static func isOurs(_ folder: String) -> Bool {
        Files.isFolder(folder)
            && (access("\(folder)/../openapi.yaml", R_OK) == 0 || access("\(folder)/openapi.yaml", R_OK) == 0)
    }
}
