// The workloads of `iovad-bench allocator`. Each does exactly what the published reference rows did
// (spec: allocator-benchmarks), so that an equal implementation prints the same check.

/// A kind of work, at several sizes N.
enum Workload: String, CaseIterable {
    case churnTreeRandom = "churn-tree-1-random"
    case churnTreeFIFO = "churn-tree-1-fifo"
    case churnTreeLIFO = "churn-tree-1-lifo"
    case churnTreeMixed = "churn-tree-mixed-random"
    case churnCached = "churn-cached-1-random"
    case churnCachedMixed = "churn-cached-mixed-random"
    case frag32Fail = "frag32-fail"
    case frag32Succeed = "frag32-succeed"
    case tight
    case frag36Fail = "frag36-fail"
    case comb32
    case reserve = "reserve-random"
    case memory

    enum Family {
        /// Steady frees and allocations; nanoseconds an operation, which is one of each.
        case churn(ChurnKind)
        /// One request in a prepared domain; nanoseconds a request.
        case oneRequest(OneRequestKind)
        /// N reservations into a fresh domain; nanoseconds a reservation.
        case reserve
        /// Bytes a live range.
        case memory
    }

    var family: Family {
        switch self {
        case .churnTreeRandom: .churn(ChurnKind(isCached: false, isMixed: false, order: .random))
        case .churnTreeFIFO: .churn(ChurnKind(isCached: false, isMixed: false, order: .fifo))
        case .churnTreeLIFO: .churn(ChurnKind(isCached: false, isMixed: false, order: .lifo))
        case .churnTreeMixed: .churn(ChurnKind(isCached: false, isMixed: true, order: .random))
        case .churnCached: .churn(ChurnKind(isCached: true, isMixed: false, order: .random))
        case .churnCachedMixed: .churn(ChurnKind(isCached: true, isMixed: true, order: .random))
        case .frag32Fail: .oneRequest(.frag32Fail)
        case .frag32Succeed: .oneRequest(.frag32Succeed)
        case .tight: .oneRequest(.tight)
        case .frag36Fail: .oneRequest(.frag36Fail)
        case .comb32: .oneRequest(.comb32)
        case .reserve: .reserve
        case .memory: .memory
        }
    }

    var isOneRequest: Bool { if case .oneRequest = family { true } else { false } }

    /// The sizes that are measured unless others are asked for.
    var sizes: [Int] {
        switch self {
        case .churnTreeMixed: [100, 1_000, 10_000, 100_000]
        case .churnTreeRandom, .churnTreeFIFO, .churnTreeLIFO, .churnCached, .churnCachedMixed:
            [100, 1_000, 10_000, 100_000, 1_000_000]
        case .frag32Fail, .frag32Succeed, .tight: [1_000, 10_000, 100_000, 400_000]
        case .frag36Fail: [1_000, 10_000, 100_000, 400_000, 1_000_000]
        case .comb32: [1_000, 10_000, 100_000, 200_000]
        case .reserve: [10_000]
        case .memory: [1_000_000]
        }
    }

    /// The largest N for which the space below the workload's limit has room.
    var sizeMax: Int {
        switch self {
        case .frag32Fail, .frag32Succeed: 500_000
        case .tight: 900_000
        case .comb32: 260_000
        case .reserve: 100_000
        case .churnTreeRandom, .churnTreeFIFO, .churnTreeLIFO, .churnTreeMixed, .churnCached,
            .churnCachedMixed, .frag36Fail, .memory:
            4_000_000
        }
    }

    /// The published check, where there is one.
    func publishedCheck(_ size: Int) -> UInt64? {
        switch (self, size) {
        case (.churnTreeRandom, 1_000): 0x196c_f299_a738_0245
        case (.churnTreeRandom, 10_000): 0x0f19_0eb9_979f_b7df
        case (.churnTreeFIFO, 10_000): 0x5002_367c_2f10_0825
        case (.churnTreeLIFO, 10_000): 0xc2bc_9c8d_8ebe_a425
        case (.churnTreeMixed, 10_000): 0x83b9_6d4a_4c33_0af2
        case (.churnCached, 10_000): 0x0ab1_4615_108c_687e
        case (.churnCachedMixed, 10_000): 0xa0f8_0cf9_958b_28f3
        case (.frag32Fail, 10_000): 0x7b35_be57_e7d9_afe5
        case (.frag32Succeed, 10_000): 0x8d67_7b74_baa4_785a
        case (.tight, 10_000): 0x0778_60d2_97ef_1199
        case (.frag36Fail, 10_000): 0x9add_87f2_c07c_0ac5
        case (.comb32, 10_000): 0x7b35_be57_e7d9_afe5
        default: nil
        }
    }
}
