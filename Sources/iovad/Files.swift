// Files and folders: small files read and written whole, what kind a path is, names in a folder. Everything
// that walks folders walks them through here. Nothing is streamed, and nothing outside the paths given is
// looked at.

import Glibc

/// Why a file or standard input cannot be read, in the system's words: "No such file or directory", "Is a
/// directory", "Permission denied".
struct FileFault: Error, CustomStringConvertible {
    /// As the user named it, after its flag if it has one.
    var place: String
    /// errno's number.
    let code: Int32

    var reason: String { String(cString: strerror(code)) }
    var description: String { "\(Report.printable(place)): \(reason)" }
}

enum Files {
    static let standardInput = "standard input"

    /// The bytes of a file; nil when it cannot be read, with errno.
    static func read(_ path: String) -> [UInt8]? {
        do throws(FileFault) {
            return try contents(path)
        } catch {
            errno = error.code
            return nil
        }
    }

    /// The bytes of a file, or of standard input where the path is "-" and `takesInput` is set.
    static func contents(
        _ path: String, named flag: String = "", takesInput: Bool = false
    ) throws(FileFault) -> [UInt8] {
        let isInput = takesInput && path == "-"
        let place = (flag.isEmpty ? "" : flag + " ") + (isInput ? standardInput : path)
        let file = isInput ? fdopen(dup(0), "rb") : fopen(path, "rb")
        guard let file else { throw FileFault(place: place, code: errno) }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        while read(on: file, into: &bytes) {}
        if ferror(file) != 0 { throw FileFault(place: place, code: errno) }
        return bytes
    }

    /// Reads on by at most 64 KiB, which nobody has to fill with zeros first; false at the end and where
    /// nothing can be read.
    private static func read(on file: UnsafeMutablePointer<FILE>, into bytes: inout [UInt8]) -> Bool {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 64 << 10) { buffer in
            let count = fread(buffer.baseAddress, 1, buffer.count, file)
            bytes.append(contentsOf: buffer[..<count])
            return count > 0
        }
    }

    /// Why a path is no folder; nil where it is one.
    static func folderFault(_ path: String, named flag: String) -> FileFault? {
        var status = stat()
        let place = "\(flag) \(path)"
        guard stat(path, &status) == 0 else { return FileFault(place: place, code: errno) }
        return status.st_mode & S_IFMT == S_IFDIR ? nil : FileFault(place: place, code: ENOTDIR)
    }

    /// Refuses a folder that is no host's tree, and a tree with folders of the system that cannot be read:
    /// nothing could be said of that host.
    static func checkTree(_ root: String, named flag: String) throws {
        if let fault = folderFault(root, named: flag) { throw fault }
        for folder in [""] + treeFolders {
            errno = 0
            if access(root + folder, R_OK | X_OK) != 0, errno != ENOENT, errno != ENOTDIR {
                throw FileFault(place: "\(flag) \(root)\(folder)", code: errno)
            }
        }
        guard (treeFolders + ["/var"]).contains(where: { isFolder(root + $0) }) else {
            throw CommandFailure(
                "\(flag) \(Report.printable(root)): no sys/, proc/ or var/ is in it; name the folder that a "
                    + "host's tree was copied to")
        }
    }

    private static let treeFolders = ["/sys", "/sys/kernel", "/sys/firmware", "/proc"]

    /// False, with errno, when it could not be written whole; then what was there before is left as it was.
    static func write(_ bytes: [UInt8], to path: String) -> Bool {
        let unfinished = path + ".new"
        guard let file = fopen(unfinished, "wb") else { return false }
        let count = fwrite(bytes, 1, bytes.count, file)
        if fclose(file) == 0, count == bytes.count, rename(unfinished, path) == 0 { return true }
        let code = errno
        unlink(unfinished)
        errno = code
        return false
    }

    static func isFolder(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    /// Whether reading ends: not a folder, pipe or device.
    static func isFile(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
    }

    /// Where a link points, without newlines at its end; nil for what is not a link.
    static func linkTarget(_ path: String) -> [UInt8]? {
        var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX))
        let count = buffer.withUnsafeMutableBytes { space in
            space.withMemoryRebound(to: CChar.self) { readlink(path, $0.baseAddress!, $0.count) }
        }
        guard count >= 0 else { return nil }
        return Array(buffer[..<count].reversed().drop { $0 == 0x0a }.reversed())
    }

    /// An entry of a folder.
    struct Entry {
        /// The system's bytes, which need not be UTF-8.
        let name: [UInt8]
        /// A link to a folder is not one.
        let isFolder: Bool
        var repairedName: String { String(decoding: name, as: UTF8.self) }
    }

    /// The entries of a folder in no order, without "." and ".."; nil when it cannot be read.
    static func entries(in folder: String) -> [Entry]? {
        guard let stream = opendir(folder) else { return nil }
        defer { closedir(stream) }
        var entries: [Entry] = []
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                Array(bytes.prefix { $0 != 0 })
            }
            guard name != Array(".".utf8), name != Array("..".utf8) else { continue }
            // Some file systems leave the type open here.
            let type = Int(entry.pointee.d_type)
            let isFolder =
                type == DT_DIR
                || (type == DT_UNKNOWN && isFolder("\(folder)/\(String(decoding: name, as: UTF8.self))"))
            entries.append(Entry(name: name, isFolder: isFolder))
        }
        return entries
    }

    /// Names in a folder, sorted by bytes; empty when it cannot be read. Hidden ones are left out.
    static func names(in folder: String) -> [String] {
        (entries(in: folder) ?? []).map(\.repairedName).filter { !$0.hasPrefix(".") }
            .sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }
}
