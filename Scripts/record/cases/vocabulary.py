"""The words of the wire that the cases use, in one place. A word that a later version adds is added here."""

KERNELS = ["6.1", "6.12", "6.18", "7.3", "5.10"]
CONSUMERS = ["dma_api", "vfio_type1", "iommufd"]
SOURCES = ["fixed", "candidates", "dynamic", "none"]
PAGE_SIZES = ["0x1000", "0x4000", "0x10000"]
VIEWS = ["dma", "sysfs", "vfio"]
EXPLAIN = ["none", "summary", "full"]
TYPES = ["direct", "direct_relaxable", "reserved", "msi", "software_msi"]
DRIVERS = ["v1", "v2", "v3", "virtio"]
DEFAULT_DOMAINS = ["translated", "identity", "no_group", "blocked", "unmanaged"]
KINDS = ["platform", "pci_host", "pci_function", "id_map_bus", "named_component", "root_complex", "group"]
VIOMMUS = ["none", "virtio_iommu", "nested_smmuv3"]

SOURCE_OBJECTS = [
    {"kind": "fixed"}, {"kind": "none"}, {"kind": "candidates"},
    {"kind": "candidates", "bases": ["0x8000000", "0xa0000000"], "size": "0x100000", "avoid": "advertised"},
    {"kind": "candidates", "bases": ["0x8000000", "0xa0000000"], "avoid": "unreachable"},
    {"kind": "candidates", "bases": ["0x8000000", "0xa0000000", "0xe000000"], "avoid": "everything"},
    {"kind": "candidates", "bases": ["0x8000000"], "if_none": "caller_must_allocate"},
    {"kind": "candidates", "size": "0x200000", "avoid": "everything", "if_none": "caller_must_allocate"},
    {"kind": "dynamic"}, {"kind": "dynamic", "prefer": "lowest"},
    {"kind": "dynamic", "prefer": "highest_below_4g", "size": "0x10000"},
    {"kind": "dynamic", "prefer": "nearest_default", "size": "0x200000"},
    {"kind": "user"}, {"kind": "user", "start": "0xa0000000", "size": "0x100000"},
    {"kind": "user", "start": "0xa0000000", "size": 1}, {"kind": "user", "start": "0x1234", "size": "0x100000"},
    {"kind": "user", "start": "0xc0000000", "size": "0x100000", "reading": "as_intended"},
    {"kind": "user", "start": "0x8000000", "reading": "as_intended", "attached": True},
    {"kind": "user", "start": "0xe000000", "size": "0x80000", "driver": "candidates"},
    {"kind": "user", "start": "0xffffffffffff0000", "size": "0x100000",
     "driver": {"kind": "dynamic", "prefer": "lowest"}},
]

VMMS = ["qemu-virt", "qemu-virt-legacy-highmem", "qemu-virt-3.1", "qemu-sbsa-ref", "cloud-hypervisor", "crosvm",
        "firecracker", "kvmtool", "xen-arm-guest", "openvmm-linux", "openvmm-uefi", "openvmm-uefi-split"]
RAMS = ["0x8000000", "0x40000000", "0x80000000", "0xc0000000", "0x100000000", "0x180000000", "0x1000000000",
        "0x4000000000", "0x10000000000", "0x80000000000"]
# Parameters of a VM's shape, each as it is written in JSON.
SHAPES = [
    {"maxmem": "0x2000000000", "slots": 4}, {"slots": 256}, {"vcpus": 1}, {"vcpus": 512}, {"p2p": False},
    {"ipa_bits": 36}, {"ipa_bits": 40}, {"ipa_bits": 52}, {"highmem": False}, {"highmem_redists": False},
    {"highmem_ecam": False}, {"highmem_mmio": False}, {"highmem_mmio_size": "0x10000000000"}, {"cxl": True},
    {"ram_base": "0x100000000"}, {"protected": True},
]

PROBLEMS = [
    "malformed-json", "duplicate-key", "invalid-parameter", "ambiguous-framing", "malformed-target",
    "malformed-multipart", "unauthenticated", "forbidden", "foreign-host", "foreign-origin", "not-found",
    "method-not-allowed", "not-acceptable",
    "request-timeout", "platform-exists", "platform-in-use", "precondition-failed", "body-too-large",
    "unsupported-media-type", "invalid-request", "unreadable-device-tree", "unreadable-iort",
    "unreadable-input", "idempotency-key-reused", "too-many-platforms", "session-expired", "iova-exhausted",
    "range-in-use", "reserved-region-overlap", "not-allocated", "attach-refused", "refused-by-linux",
    "session-exists", "domain-exists", "request-in-flight", "too-many-sessions", "too-many-subscribers",
    "head-too-large", "session-full", "shutting-down", "busy", "store-unavailable", "too-expensive", "internal",
]

# What programs print of a failed map, and errnos that they print it with.
MAP_MESSAGES = [
    "qemu-system-aarch64: VFIO_MAP_DMA failed: {words}", "VFIO_MAP_DMA: -{number}",
    "qemu-system-aarch64: vfio_dma_map(0x55855c75bf00, 0x40000000, 0x100000000, 0x7f5197e00000) = -{number} ({words})",
    "qemu-system-aarch64: vfio_container_dma_map(0x5585, 0x8000000, 0x100000, 0x7f5197e00000) = -{number} ({words})",
    "qemu-system-aarch64: vfio_container_dma_unmap(0x5585, 0x8000000, 0x100000) = -{number} ({words})",
    "qemu-system-aarch64: IOMMU_IOAS_MAP failed: {words}",
    "failed to map memory for VFIO container, iova 0x3fff00000000, gpa 0x3fff00000000, size 0x100000: Error({number})",
    "Failed to map 0x80000000 -> 0x7f0000000000 (268435456) for DMA: {words}",
    "EAL: Cannot set up DMA remapping, error {number} ({words})",
    "[   12.3] vfio_pin_pages_remote: RLIMIT_MEMLOCK (67108864) exceeded",
    "[   33.3] vfio_iommu_type1_attach_group: No interrupt remapping support. Use the module param allow_unsafe_interrupts",
]
MAP_ERRORS = [(22, "Invalid argument"), (17, "File exists"), (28, "No space left on device"), (12, "Cannot allocate memory"),
              (14, "Bad address"), (1, "Operation not permitted"), (75, "Value too large for defined data type")]
