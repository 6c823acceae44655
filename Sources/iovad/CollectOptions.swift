// How this host was built, booted and set up, for `iovad collect`: the words of the command line that matter,
// parameters of VFIO's, iommufd's and the SMMU's modules, and the kernel's choices about IOMMUs, from
// /proc/config.gz or from /boot. Which those are, HostOptions says.

import AddressSpaces
import Glibc
import HTTP
import Ingestion
import JSON

/// Texts with a word a line; nil for what cannot be read.
struct CollectedOptions {
    var commandLine: String?
    var parameters: String?
    /// With the file that it is from.
    var config: (path: String, text: String)?

    func write(_ writer: inout JSONWriter) {
        writer.member("cmdline", orNull: commandLine)
        writer.member("parameters", orNull: parameters)
        writer.member("config_path", orNull: config?.path)
        writer.member("config", orNull: config?.text)
    }
}

extension HostCollection {
    private static let modulesPath = "/sys/module"
    private static let packedConfigPath = "/proc/config.gz"

    mutating func readOptions(release: String?) -> CollectedOptions {
        var options = CollectedOptions()
        if let line = bytes("/proc/cmdline") {
            options.commandLine = taken(
                HostOptions.words(of: Self.plain(line)), "the command line", HostOptions.wordsMax)
        }
        if Files.isFolder(root + Self.modulesPath) {
            options.parameters = taken(
                HostOptions.parameters(readParameters()), "\(Self.modulesPath)", HostOptions.parametersMax)
        }
        if let (path, text) = readConfig(release: release) {
            options.config = (
                path, taken(HostOptions.config(of: Self.plain(text)), path, HostOptions.configLinesMax)
            )
        }
        return options
    }

    private mutating func taken(
        _ found: (text: [UInt8], isCut: Bool), _ place: String, _ most: Int
    ) -> String {
        if found.isCut { notes.append("more than \(most) lines of \(place): the others are left out") }
        return Self.string(found.text)
    }

    /// `module.name=value` of those modules; a value is a file's first line.
    private mutating func readParameters() -> [[UInt8]] {
        func isPlain(_ name: String) -> Bool {
            name.utf8.allSatisfy { byte in
                switch byte {
                case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x2d, 0x5f: true
                default: false
                }
            }
        }
        let modules = names(in: Self.modulesPath).filter { name in
            isPlain(name) && HostOptions.modulePrefixes.contains { name.hasPrefix($0) }
        }
        return modules.flatMap { module -> [[UInt8]] in
            let folder = "\(Self.modulesPath)/\(module)/parameters"
            return names(in: folder).filter(isPlain).compactMap { name in
                guard let bytes = contents("\(folder)/\(name)") else { return nil }
                return Array("\(module).\(name)=".utf8) + Self.plain(bytes).prefix { $0 != 0x0a }
            }
        }
    }

    /// The running kernel's own, or the file that was installed with it.
    private mutating func readConfig(release: String?) -> (path: String, text: [UInt8])? {
        if let packed = bytes(Self.packedConfigPath) {
            if let text = Gzip.unpacked(packed, bytesMax: HostOptions.configBytesMax) {
                return (Self.packedConfigPath, text)
            }
            notes.append("cannot unpack \(Self.packedConfigPath)")
            return nil
        }
        guard let release, !release.isEmpty, release.utf8.allSatisfy(Self.isOfRelease) else { return nil }
        let path = "/boot/config-\(release)"
        guard let text = bytes(path) else { return nil }
        guard text.count <= HostOptions.configBytesMax else {
            notes.append("\(path) is left out: more than \(HostOptions.configBytesMax) bytes")
            return nil
        }
        return (path, text)
    }

    private static func isOfRelease(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5a, 0x61...0x7a: true
        default: "._+~-".utf8.contains(byte)
        }
    }
}
