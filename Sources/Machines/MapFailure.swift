// A map, an unmap or an attach that failed for user space, as a VMM, a library or the kernel reported it:
// facts only. Reading the text is Ingestion's, and why it failed is MSIWindows's. The numbers and names of
// errnos are those of include/uapi/asm-generic/errno.h, their words those of strerror.

public import AddressSpaces

/// One failed call of VFIO or iommufd.
public struct MapFailure: Hashable, Sendable {
    /// What reported it.
    public enum Program: String, CaseIterable, Sendable {
        case qemu
        case cloudHypervisor = "cloud_hypervisor"
        case crosvm, firecracker
        /// The crate `vfio-ioctls`, where the log does not say which VMM uses it.
        case rustVMM = "rust_vmm"
        case openVMM = "openvmm"
        case kvmtool, dpdk, spdk, kernel, unknown
    }

    public enum Action: String, CaseIterable, Sendable {
        case map, unmap
        /// Taking a group or a device for user space, before anything is mapped.
        case attach
    }

    /// Whose call it was, where the message says.
    public enum Space: Sendable {
        case vfio, iommufd
    }

    /// What the message itself gives as the reason.
    public enum Reason: Sendable {
        case lockedMemory, unsafeInterrupts, directRegion, notViable, outsideRanges, unaligned,
            overlapsReserved
    }

    /// How a message says that what was to be mapped is a BAR of a device.
    public enum BAR: String, CaseIterable, Sendable {
        /// By the region's name.
        case named
        /// By a remark that the program goes on without it.
        case leftOut = "left_out"
    }

    public var program: Program
    public var action: Action
    /// As the text names it: `vfio_dma_map`, `VFIO_IOMMU_MAP_DMA`.
    public var call: String
    public var space: Space?
    public var reason: Reason?
    /// Whose host it was, where the message says.
    public var architecture: Architecture?
    /// First and last line that report it, from 1.
    public var line: Int
    public var lastLine: Int
    /// How often it was reported.
    public var count = 1
    public var iova: UInt64?
    public var size: UInt64?
    /// Where the memory is in the address space of the process.
    public var userAddress: UInt64?
    /// Positive; nil where the text has none.
    public var errorNumber: Int?
    /// The program's name of the memory region.
    public var region: String?
    public var bar: BAR?
    /// The range that the message says is reserved.
    public var reserved: IOVARange?
    /// RLIMIT_MEMLOCK in bytes, where the kernel names it.
    public var lockedMemoryLimit: UInt64?
    /// A PCI address that the line names.
    public var device: String?
    /// The number of an IOMMU group that the line names.
    public var group: String?
    /// The message ends before its program would end it; only what is surely whole is told.
    public var isIncomplete = false

    public init(_ program: Program, _ action: Action, call: String, line: Int) {
        self.program = program
        self.action = action
        self.call = call
        self.line = line
        lastLine = line
    }

    /// What was to be mapped; nil without an address, for no bytes, and past 2^64.
    public var range: IOVARange? {
        guard let iova, let size else { return nil }
        return IOVARange(start: IOVA(iova), size: size)
    }
}

/// Errnos by number, name and words.
public enum LinuxError {
    public struct Row: Sendable {
        public let number: Int
        public let name: String
        public let words: String
    }

    public static let rows = [
        Row(number: 1, name: "EPERM", words: "Operation not permitted"),
        Row(number: 2, name: "ENOENT", words: "No such file or directory"),
        Row(number: 4, name: "EINTR", words: "Interrupted system call"),
        Row(number: 5, name: "EIO", words: "Input/output error"),
        Row(number: 6, name: "ENXIO", words: "No such device or address"),
        Row(number: 7, name: "E2BIG", words: "Argument list too long"),
        Row(number: 9, name: "EBADF", words: "Bad file descriptor"),
        Row(number: 11, name: "EAGAIN", words: "Resource temporarily unavailable"),
        Row(number: 12, name: "ENOMEM", words: "Cannot allocate memory"),
        Row(number: 13, name: "EACCES", words: "Permission denied"),
        Row(number: 14, name: "EFAULT", words: "Bad address"),
        Row(number: 16, name: "EBUSY", words: "Device or resource busy"),
        Row(number: 17, name: "EEXIST", words: "File exists"),
        Row(number: 19, name: "ENODEV", words: "No such device"),
        Row(number: 22, name: "EINVAL", words: "Invalid argument"),
        Row(number: 24, name: "EMFILE", words: "Too many open files"),
        Row(number: 25, name: "ENOTTY", words: "Inappropriate ioctl for device"),
        Row(number: 28, name: "ENOSPC", words: "No space left on device"),
        Row(number: 34, name: "ERANGE", words: "Numerical result out of range"),
        Row(number: 75, name: "EOVERFLOW", words: "Value too large for defined data type"),
        Row(number: 90, name: "EMSGSIZE", words: "Message too long"),
        Row(number: 95, name: "EOPNOTSUPP", words: "Operation not supported"),
        Row(number: 98, name: "EADDRINUSE", words: "Address already in use"),
        Row(number: 99, name: "EADDRNOTAVAIL", words: "Cannot assign requested address"),
        Row(number: 110, name: "ETIMEDOUT", words: "Connection timed out"),
    ]

    /// `EINVAL` for 22; nil for a number without a row.
    public static func name(of number: Int) -> String? { rows.first { $0.number == number }?.name }
}
