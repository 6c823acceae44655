// What a release string tells: the version, the page size, and who built the kernel. Some makers take over
// later changes under an older number; the table of their marks is here, and nowhere else.

/// What `uname -r` prints, alone or in a line of `uname -a` or /proc/version.
struct ReleaseString {
    let version: KernelVersion
    /// The words between its signs: of `6.14.0-1007-nvidia-64k` "6", "14", "0", "1007", "nvidia" and "64k".
    private let words: [Substring]

    /// nil for a text that does not begin with a version: "Debian 13.1" is no kernel.
    init?(_ text: String) {
        let parts = text.split(maxSplits: 3, whereSeparator: \.isWhitespace).prefix(3)
        // "Linux host 6.6.31 #1 SMP", "Linux version 6.6.31 (gcc": the third word is the release.
        guard let release = parts.first == "Linux" ? parts.last : parts.first,
            let version = KernelVersion(String(release))
        else { return nil }
        self.version = version
        words = release.split { "-+._~".contains($0) }
    }

    /// Bytes of the CPU's page: builds of other sizes than 4 KiB say so in a word of their own, and some of
    /// that size.
    var pageBytes: UInt64? {
        // Own builds write it in capitals as well.
        let words = words.map { $0.lowercased() }
        if words.contains(where: { $0 == "64k" || $0 == "64kb" }) { return 0x1_0000 }
        if words.contains("16k") { return 0x4000 }
        return words.contains(where: { $0 == "4k" || $0 == "4kb" }) ? 0x1000 : nil
    }

    /// Distributions name the processor after the number: `amd64`, `x86_64`, `arm64`, `aarch64`.
    var isBuiltForX86: Bool? {
        if words.contains(where: { $0 == "amd64" || $0 == "x86" }) { return true }
        return words.contains { $0 == "arm64" || $0 == "aarch64" } ? false : nil
    }

    /// Marks of builds whose sources hold later changes than their number says. Most are followed by the
    /// number of the distribution, as in `el9`, `oe2403sp1` and `amzn2023`.
    private static let numberedMarks: [(mark: String, maker: String)] = [
        ("el", "an enterprise distribution"), ("oe", "openEuler"), ("an", "Anolis OS"),
        ("al", "Alibaba Cloud Linux"), ("amzn", "Amazon Linux"), ("tl", "TencentOS"), ("ky", "Kylin"),
        ("uel", "UnionTech OS"), ("azl", "Azure Linux"), ("android", "Android"),
    ]
    private static let marks: [(mark: String, maker: String)] = [
        ("nvidia", "NVIDIA"), ("tegra", "NVIDIA"), ("bluefield", "NVIDIA"), ("64kb", suse),
    ]
    private static let suse = "SUSE, an enterprise distribution"

    /// Whose build it is, where that maker takes over later changes.
    var backporter: String? {
        for word in words {
            if let known = Self.marks.first(where: { word == $0.mark }) { return known.maker }
            for known in Self.numberedMarks where word.hasPrefix(known.mark) {
                let next = word.utf8.dropFirst(known.mark.utf8.count).first
                if let next, (0x30...0x39).contains(next) { return known.maker }
            }
            if Self.isServicePack(word) { return Self.suse }
        }
        return nil
    }

    /// SUSE numbers its builds after the service pack: 150600 and 160000 in `6.4.0-150600.23.17-default`.
    private static func isServicePack(_ word: Substring) -> Bool {
        word.utf8.count == 6 && word.utf8.allSatisfy { (0x30...0x39).contains($0) }
            && (word.hasPrefix("15") || word.hasPrefix("16"))
    }
}
