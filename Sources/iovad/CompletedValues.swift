// What a shell proposes after a flag: files, folders, or the words that the flag knows. The words are those
// of the tables by which the values are read.

import API
import AddressSpaces
import ArgumentParser
import Fleet
import LinuxReleases
import MSIWindows
import Machines

enum CompletedValues {
    static var consumers: CompletionKind { words(WireWords.consumers.map(\.word)) }
    /// Those that read logs: the DMA layer maps nothing for user space.
    static var userConsumers: CompletionKind {
        words(WireWords.consumers.filter { $0.value != .dmaAPI }.map(\.word))
    }
    static var sources: CompletionKind { words(WireWords.sources.map(\.word)) }
    static var explainLevels: CompletionKind { words(WireWords.explainLevels.map(\.word)) }
    static var assumptions: CompletionKind { words(WireWords.assumptions.map(\.word)) }
    static var kernels: CompletionKind { words(KernelRelease.allCases.map(\.rawValue)) }
    static var platforms: CompletionKind { words(BuiltInCatalogue.all.map(\.id)) }
    static var vmms: CompletionKind { words(VMM.allCases.map(\.rawValue) + [PlacementFlags.listWord]) }
    static var viommus: CompletionKind { words(GuestDemand.VIOMMU.allCases.map(\.rawValue)) }
    static var placementFormats: CompletionKind { words(PlacementOutputOption.Format.words) }
    static var pageSizes: CompletionKind { words(WireWords.pageSizes.map { "\($0.bytes >> 10)K" }) }
    static var logs: CompletionKind { words(AccessLog.allCases.map(\.rawValue)) }

    static func words(_ words: [String]) -> CompletionKind { .list(words) }
}
