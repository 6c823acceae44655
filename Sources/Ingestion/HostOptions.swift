// Which words of a host's command line, parameters of its modules and lines of its kernel's configuration
// are worth collecting, and the reading of all three; the rest is nobody's business. Mirrors lib/cmdline.c:
// next_arg and kernel/params.c: parse_args, Linux 7.2: blanks in quotes are of the word, and what follows
// "--" is init's.

import Machines

/// What `iovad collect` takes of how a host was built and booted, in the binary and in the script.
public enum HostOptions {
    public static let wordsMax = 64
    public static let parametersMax = 256
    public static let configLinesMax = 128
    /// Longer words and lines are cut.
    public static let lineBytesMax = 128
    /// Of an unpacked configuration; those of distributions have 300 KB.
    public static let configBytesMax = 4 << 20

    /// Words of a command line begin so.
    public static let wordPrefixes = [
        "iommu.", "arm-smmu", "arm_smmu", "vfio", "iommufd", "pcie_acs_override=", "pci=",
    ]
    /// Names of modules begin so.
    public static let modulePrefixes = ["vfio", "iommufd", "arm_smmu", "arm-smmu"]
    /// Lines of a configuration begin so.
    public static let configPrefixes = [
        "CONFIG_IOMMU_", "CONFIG_IOMMUFD", "CONFIG_ARM_SMMU", "CONFIG_VFIO", "CONFIG_VIRTIO_IOMMU=",
        "CONFIG_ARM64_4K_PAGES=", "CONFIG_ARM64_16K_PAGES=", "CONFIG_ARM64_64K_PAGES=",
    ]

    /// The words of a command line that are taken, a line each, and whether there were more.
    ///
    /// - Parameter hasWordALine: so a collector wrote it, and a blank is of the word.
    public static func words(of text: [UInt8], hasWordALine: Bool = false) -> (text: [UInt8], isCut: Bool) {
        var words: [[UInt8]] = []
        var word: [UInt8] = []
        var isQuoted = false
        for byte in text + [0x0a] {
            switch byte {
            case 0x22: isQuoted.toggle()
            case 0x0a, 0x20:
                if isQuoted || byte == 0x20 && hasWordALine {
                    word.append(0x20)
                    continue
                }
                if word == Array("--".utf8) { return lines(words, max: wordsMax) }
                words.append(word)
                word = []
            default: word.append(byte)
            }
        }
        // A quote that nobody closed takes the rest, and the blank that was added.
        if isQuoted { words.append(word.dropLast()) }
        return lines(words, max: wordsMax)
    }

    /// The lines of a configuration that are taken, and whether there were more.
    public static func config(of text: [UInt8]) -> (text: [UInt8], isCut: Bool) {
        let taken = text.split(separator: 0x0a).filter { begins($0, with: configPrefixes) }
        return cut(taken.map { Array($0) }, max: configLinesMax)
    }

    /// Parameters of modules, `module.name=value` each, in order.
    public static func parameters(_ words: [[UInt8]]) -> (text: [UInt8], isCut: Bool) {
        let cutWords = words.map { Array($0.prefix(lineBytesMax)) }
        return cut(cutWords.sorted { $0.lexicographicallyPrecedes($1) }, max: parametersMax)
    }

    private static func lines(_ words: [[UInt8]], max: Int) -> (text: [UInt8], isCut: Bool) {
        cut(words.filter { begins($0[...], with: wordPrefixes) }, max: max)
    }

    private static func cut(_ lines: [[UInt8]], max: Int) -> (text: [UInt8], isCut: Bool) {
        (lines.prefix(max).flatMap { $0.prefix(lineBytesMax) + [0x0a] }, lines.count > max)
    }

    private static func begins(_ line: ArraySlice<UInt8>, with prefixes: [String]) -> Bool {
        prefixes.contains { line.starts(with: $0.utf8) }
    }

    /// A command line as options: as the kernel prints it, or as a collector wrote it.
    static func commandLine(_ text: [UInt8], place: String, hasWordALine: Bool = false) -> [HostOption] {
        let words = words(of: text, hasWordALine: hasWordALine).text
        return options(
            String(decoding: words, as: UTF8.self), .commandLine, place: place, max: wordsMax)
    }

    /// What firmware's tree would have the kernel booted with (drivers/of/fdt.c: early_init_dt_scan_chosen,
    /// Linux 7.2); a boot loader may have said otherwise.
    static func bootArguments(of tree: DeviceTree) -> [HostOption] {
        let chosen = tree.nodes.first {
            $0.has(.bootargs) && $0.parent == 0 && ($0.name == "chosen" || $0.name == "chosen@0")
        }
        return chosen?.string(.bootargs)
            .map { commandLine(Array($0.utf8), place: "\(chosen?.path ?? ""):bootargs") } ?? []
    }

    /// The lines of a collected text as options, at most `max`.
    static func options(
        _ text: String?, _ source: HostOption.Source, place: String, max: Int
    ) -> [HostOption] {
        (text ?? "").split(separator: "\n").prefix(max).map {
            HostOption(source, place: place, word: String($0.prefix(lineBytesMax)))
        }
    }
}
