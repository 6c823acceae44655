// The kernels of hosts as flags: one for all hosts of a question, and others for single hosts by the names
// that the answer gives them.

import API
import AddressSpaces
import ArgumentParser
import JSON

/// `--kernel` and `--page-size` of a question about several hosts.
struct HostKernelFlags: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            """
            Linux release of the hosts: \(FlagValue.kernels). HOST=RELEASE is of one host, by the name that \
            the answer gives it; repeat for several.
            """, valueName: "release"), completion: CompletedValues.kernels)
    var kernel: [String] = []
    @Option(
        help: ArgumentHelp(
            "CPU page size of the hosts, like 4096, 0x1000 or 64K; HOST=BYTES is of one host.",
            valueName: "bytes"), completion: CompletedValues.pageSizes)
    var pageSize: [String] = []

    /// What a request states too, with its flags.
    var stated: [RequestArgument.Flag] {
        [("--kernel", !kernel.isEmpty), ("--page-size", !pageSize.isEmpty)]
    }

    func check() throws {
        _ = try kernels
        _ = try pageSizes
    }

    var kernels: StatedByHost {
        get throws {
            try StatedByHost("--kernel", kernel) { text in
                _ = try FlagValue.read("--kernel", text, Condition.kernel)
                return text
            }
        }
    }

    /// As requests take them.
    var pageSizes: StatedByHost {
        get throws {
            try StatedByHost("--page-size", pageSize) {
                HexLiteral.text(try FlagValue.size("--page-size", $0))
            }
        }
    }
}

/// One value for all hosts, and others for some.
struct StatedByHost {
    private let flag: String
    private(set) var ofAll: String?
    private var ofHosts: [String: String] = [:]

    /// - Parameter read: a value as requests take it.
    init(_ flag: String, _ texts: [String], _ read: (String) throws -> String) throws {
        self.flag = flag
        for text in texts {
            let isUsed: Bool
            // An object has no sign of equality, and a path may have one.
            if !text.hasPrefix("{"), let sign = text.lastIndex(of: "=") {
                let value = try read(String(text[text.index(after: sign)...]))
                isUsed = ofHosts.updateValue(value, forKey: String(text[..<sign])) == nil
            } else {
                isUsed = ofAll == nil
                ofAll = try read(text)
            }
            guard isUsed else {
                throw ValidationError(
                    "\(flag) \(Report.printable(text)): one is given already; HOST=VALUE is of one host")
            }
        }
    }

    var isOfSome: Bool { !ofHosts.isEmpty }

    func of(_ host: String) -> String? { ofHosts[host] }

    /// Refuses hosts that are not asked about.
    func check(against hosts: [String]) throws {
        guard let other = ofHosts.keys.sorted().first(where: { !hosts.contains($0) }) else { return }
        throw ValidationError(
            "\(flag) \(Report.printable(other))=: no host is called so; there \(hosts.count == 1 ? "is" : "are") "
                + hosts.map(Report.printable).joined(separator: ", "))
    }
}
