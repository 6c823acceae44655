"""The words of the wire that the cases use, in one place. A word that a later version adds is added here."""

KERNELS = ["6.1", "6.12", "6.18", "7.2"]
CONSUMERS = ["dma_api", "vfio_type1", "iommufd"]
SOURCES = ["fixed", "candidates", "dynamic", "none"]
PAGE_SIZES = ["0x1000", "0x4000", "0x10000"]
VIEWS = ["dma", "sysfs", "vfio"]
EXPLAIN = ["none", "summary", "full"]
TYPES = ["direct", "direct_relaxable", "reserved", "msi", "software_msi"]
DRIVERS = ["v1", "v2", "v3", "virtio"]
DEFAULT_DOMAINS = ["translated", "identity", "no_group"]
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
    "malformed-multipart", "unauthenticated", "forbidden", "not-found", "method-not-allowed", "not-acceptable",
    "request-timeout", "platform-exists", "platform-in-use", "precondition-failed", "body-too-large",
    "unsupported-media-type", "invalid-request", "unreadable-device-tree", "unreadable-iort",
    "unreadable-input", "idempotency-key-reused", "too-many-platforms", "session-expired", "iova-exhausted",
    "range-in-use", "reserved-region-overlap", "not-allocated", "attach-refused", "refused-by-linux",
    "session-exists", "domain-exists", "request-in-flight", "too-many-sessions", "too-many-subscribers",
    "session-full", "shutting-down", "internal",
]
