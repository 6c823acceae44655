// How a running host was built, booted and set up, as far as it decides where MSIs go: words of its command
// line, parameters of its modules, its kernel's configuration, and what its log says of them. Mirrors
// lib/kstrtox.c: kstrtobool, kernel/params.c: param_set_bool and drivers/iommu/iommu.c: iommu_subsys_init,
// Linux 7.2: of a word that is there twice the last counts, and what is no flag is ignored.

/// One such word.
public struct HostOption: Hashable, Sendable {
    /// Where it was read.
    public enum Source: String, CaseIterable, Sendable {
        case commandLine = "command_line"
        case moduleParameters = "module_parameters"
        case kernelConfig = "kernel_config"
        case bootLog = "boot_log"
    }

    public let source: Source
    /// The file or text that it is from.
    public let place: String
    /// As it was read: `iommu.passthrough=1`.
    public let word: String

    public init(_ source: Source, place: String, word: String) {
        self.source = source
        self.place = place
        self.word = word
    }

    /// The kernel takes a dash of a parameter's name for an underscore.
    public var name: String {
        let name = word.prefix { $0 != "=" }
        return source == .kernelConfig ? String(name) : String(name.map { $0 == "-" ? "_" : $0 })
    }

    /// What follows the first "="; nil where there is none.
    public var value: Substring? {
        word.firstIndex(of: "=").map { word[word.index(after: $0)...] }
    }

    /// The value as a flag; nil for what the kernel takes for none.
    var flag: Bool? {
        guard let value, let first = value.first else { return nil }
        switch first {
        case "y", "Y", "t", "T", "1": return true
        case "n", "N", "f", "F", "0": return false
        case "o", "O":
            let second = value.dropFirst().first
            if second == "n" || second == "N" { return true }
            return second == "f" || second == "F" ? false : nil
        default: return nil
        }
    }
}

/// What an option chooses.
public struct HostChoice<Value: Sendable>: Sendable {
    public let value: Value
    public let option: HostOption
}

extension RunningHost {
    /// The word by which the log says which default domain was chosen.
    public static let loggedDomainName = "default_domain_type"
    private static let passthroughConfig = "CONFIG_IOMMU_DEFAULT_PASSTHROUGH"
    private static let translatedConfigs = [
        "CONFIG_IOMMU_DEFAULT_DMA_LAZY", "CONFIG_IOMMU_DEFAULT_DMA_STRICT",
    ]
    private static let pageConfigs: [(name: String, bytes: UInt64)] = [
        ("CONFIG_ARM64_4K_PAGES", 0x1000), ("CONFIG_ARM64_16K_PAGES", 0x4000),
        ("CONFIG_ARM64_64K_PAGES", 0x1_0000),
    ]

    /// Whether default domains are identity domains: as the log says, or else the command line, or else the
    /// configuration. nil where none of them does.
    public var passesThrough: HostChoice<Bool>? {
        let logged = options.last { $0.source == .bootLog && $0.name == Self.loggedDomainName }
        if let logged, let value = logged.value {
            return HostChoice(value: value.hasPrefix("Passthrough"), option: logged)
        }
        if let choice = commandLineDomain { return choice }
        let set = configured.filter { $0.value == "y" }
        if let option = set.last(where: { $0.name == Self.passthroughConfig }) {
            return HostChoice(value: true, option: option)
        }
        return set.last { Self.translatedConfigs.contains($0.name) }
            .map { HostChoice(value: false, option: $0) }
    }

    /// Whether the command line asks for identity domains; nil where it does not say.
    public var commandLineDomain: HostChoice<Bool>? { flag("iommu.passthrough", in: [.commandLine]) }

    /// Whether PCI devices are not tried below 4 GiB first.
    public var forcesDAC: HostChoice<Bool>? { flag("iommu.forcedac", in: [.commandLine]) }

    /// Whether a module serves devices whose MSIs are not isolated; a running module's own word counts more
    /// than that of the command line.
    public func allowsUnsafeInterrupts(_ module: String) -> HostChoice<Bool>? {
        let name = "\(module).allow_unsafe_interrupts"
        return flag(name, in: [.moduleParameters]) ?? flag(name, in: [.commandLine])
    }

    /// The CPU's page that the kernel was built for.
    public var configuredPageBytes: HostChoice<UInt64>? {
        for (name, bytes) in Self.pageConfigs {
            if let option = configured.last(where: { $0.name == name && $0.value == "y" }) {
                return HostChoice(value: bytes, option: option)
            }
        }
        return nil
    }

    /// Words that decide nothing here.
    public var idleOptions: [HostOption] {
        let used = ["iommu.passthrough", "iommu.forcedac", Self.loggedDomainName, "pcie_acs_override"]
        return options.filter { option in
            option.source == .commandLine && !used.contains(option.name)
                && !option.name.hasSuffix(".allow_unsafe_interrupts")
        }
    }

    private var configured: [HostOption] { options.filter { $0.source == .kernelConfig } }

    private func flag(_ name: String, in sources: Set<HostOption.Source>) -> HostChoice<Bool>? {
        for option in options.reversed() where sources.contains(option.source) && option.name == name {
            // A flag of a module that has no value is set; an early parameter needs one.
            let isBare = option.value == nil && !name.hasPrefix("iommu.")
            if let value = isBare ? true : option.flag { return HostChoice(value: value, option: option) }
        }
        return nil
    }
}
