// What is not known of a kernel that was named: behaviours that may be others than those of the profile that
// answers for it. What a request overrides is known, and left out.

extension KernelProfile {
    /// Why the profile may not be that of the kernel that was named.
    private enum Doubt {
        /// Its name has no version.
        case unnumbered
        case newerThanAll, olderThanAll
        /// The maker takes over later changes.
        case build(of: String, [Behaviour])
        /// No release of this number is modelled; what changed up to the next one that is.
        case unmodelled([Behaviour])
    }

    /// nil where the profile is of just this kernel.
    private var doubt: Doubt? {
        let newest = KernelRelease.newest
        let base = release.modelledAs
        // Every answer asks; most are of a release by its own name.
        guard stated != nil || base != release else { return nil }
        let between = changed(upTo: release.next ?? newest)
        guard let stated else { return .unmodelled(between) }
        guard let string = ReleaseString(stated) else { return .unnumbered }
        if string.version > newest.version { return .newerThanAll }
        if string.version < KernelRelease.allCases[0].version { return .olderThanAll }
        if let maker = string.backporter {
            let later = changed(upTo: newest)
            return later.isEmpty ? nil : .build(of: maker, later)
        }
        return string.version == release.version && base == release ? nil : .unmodelled(between)
    }

    /// Behaviours of the named kernel that its name leaves open.
    var leftOpen: [Behaviour] {
        switch doubt {
        case nil, .unnumbered, .newerThanAll, .olderThanAll: []
        case .build(_, let behaviours), .unmodelled(let behaviours): behaviours
        }
    }

    /// Behaviours that may be others than the profile's in the kernel that was named; nil where the profile
    /// is of just this kernel. Empty where nothing is known of what could differ.
    public var uncertain: [Behaviour]? {
        guard doubt != nil else { return nil }
        let all = leftOpen
        let left = all.filter { !isStated($0) }
        return left.isEmpty && !all.isEmpty ? nil : left
    }

    /// Whether the kernel that was named may do this otherwise than the profile.
    public func isInDoubt(_ behaviour: Behaviour) -> Bool { uncertain?.contains(behaviour) ?? false }

    /// For the reader of an answer: that the kernel is not modelled exactly, as what it is answered, and what
    /// could differ; nil where nothing could.
    public var remark: String? { remark(onX86: false) }

    /// The same in an answer about a host that may be an x86 host, where a build for x86 is at home.
    public func remark(onX86: Bool) -> String? {
        guard isBuiltForX86 == true, !onX86 else { return modelRemark }
        let ofX86 =
            "Linux \(selector) is a build for x86, where Linux offers no software window; of hosts that are no x86 hosts the "
            + "answer is that of a kernel for arm64."
        return modelRemark.map { "\(ofX86) \($0)" } ?? ofX86
    }

    /// What is said of the release.
    private var modelRemark: String? {
        guard let doubt, let uncertain else { return nil }
        let model = release.modelledAs.rawValue
        let names = uncertain.map(\.rawValue).joined(separator: ", ")
        let arrived = arrived.map(\.rawValue).joined(separator: ", ")
        let since = arrived.isEmpty ? "" : ", with what came by then: \(arrived)"
        switch doubt {
        case .unnumbered:
            return
                "The kernel calls itself \"\(selector)\", without a version; the answer is that of Linux \(model). Say "
                + "which release it is, if it is another."
        case .newerThanAll, .olderThanAll:
            var side = "older than the oldest"
            if case .newerThanAll = doubt { side = "newer than the newest" }
            return
                "Linux \(selector) is \(side) modelled release; "
                + "the answer is that of \(model), and what changed between them is not known."
        case .build(let maker, _):
            return
                "Linux \(selector) is a build of \(maker), which takes over later changes; the answer is that "
                + "of \(model)\(since). What could differ: \(names)."
        case .unmodelled:
            let differences =
                uncertain.isEmpty
                ? "No \(arrived.isEmpty ? "" : "other ")difference between \(model) and \((release.next ?? .newest).rawValue) is known."
                : "What could differ: \(names)."
            return
                "Linux \(selector) is not modelled; the answer is that of \(model), the nearest modelled release below it\(since). "
                + differences
        }
    }
}
