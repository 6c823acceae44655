"""What the registers and event records say: Arm IHI 0062 (SMMUv2: CB_FSR, CB_FSYNR0, CBFRSYNRA, sGFSR, sGFSYNR0,
sGFSYNR1) and IHI 0070 (SMMUv3: event records). Names of causes are those of openapi.yaml."""

MASK_64 = (1 << 64) - 1

# Of each event: its name, its cause, and which of the fields InputAddr, RnW, S2 its record has.
EVENTS = {
    0x01: ("F_UUT", "unsupported_transaction", "a r"),
    0x02: ("C_BAD_STREAMID", "configuration", ""),
    0x03: ("F_STE_FETCH", "configuration", ""),
    0x04: ("C_BAD_STE", "configuration", ""),
    0x05: ("F_BAD_ATS_TREQ", "configuration", ""),
    0x06: ("F_STREAM_DISABLED", "configuration", ""),
    0x07: ("F_TRANSL_FORBIDDEN", "configuration", "a r"),
    0x08: ("C_BAD_SUBSTREAMID", "configuration", ""),
    0x09: ("F_CD_FETCH", "configuration", ""),
    0x0A: ("C_BAD_CD", "configuration", ""),
    0x0B: ("F_WALK_EABT", "external_abort", "a r s"),
    0x10: ("F_TRANSLATION", "translation", "a r s"),
    0x11: ("F_ADDR_SIZE", "address_size", "a r s"),
    0x12: ("F_ACCESS", "access_flag", "a r s"),
    0x13: ("F_PERMISSION", "permission", "a r s"),
    0x20: ("F_TLB_CONFLICT", "tlb_conflict", "a r s"),
    0x21: ("F_CFG_CONFLICT", "configuration", ""),
    0x24: ("E_PAGE_REQUEST", "page_request", "a"),
    0x25: ("F_VMS_FETCH", "configuration", ""),
}
BY_NAME = {name: (name, cause, fields) for name, cause, fields in EVENTS.values()}

# Events with IPA[51:12] in word 3 and nothing below it. (F_WALK_EABT has the address of the fetch there.)
IPA_EVENTS = (0x10, 0x11, 0x12, 0x13, 0x20)

# CB_FSR: the lowest bit that is set names the cause; the lock fault (bit 6) and the format say nothing.
FSR_CAUSES = ((1, "translation"), (2, "access_flag"), (3, "permission"), (4, "external_abort"),
              (5, "tlb_conflict"), (7, "address_size"), (8, "unsupported_transaction"))


def event(number):
    return EVENTS.get(number, (f"event 0x{number:x}", "other", ""))


def event_named(name):
    return BY_NAME.get(name, (name, "other", ""))


def is_first_word(word, number):
    """Whether this may be word 0 of the event: bits 10:8 are zero, and so is SubstreamID without SSV."""
    return word & 0xFF == number and word >> 8 & 7 == 0 and (word >> 11 & 1 == 1 or word >> 12 & 0xFFFFF == 0)


def stream(word0):
    return word0 >> 32


def substream(word0):
    """SubstreamID, where SSV says that there is one."""
    return (word0 >> 12) & 0xFFFFF if word0 >> 11 & 1 else None


def is_stalled(word1):
    return bool(word1 >> 31 & 1)


def access(word1):
    return "read" if word1 >> 35 & 1 else "write"


def stage(word1):
    return 2 if word1 >> 39 & 1 else 1


def is_nature(word):
    """Whether this may be word 1 of an event with CLASS: class 3 is reserved, and only stage 2 faults while a
    context descriptor is fetched."""
    kind = word >> 40 & 3
    return kind != 3 and (kind != 0 or stage(word) == 2)


def fsr_cause(fsr):
    return next((cause for bit, cause in FSR_CAUSES if fsr >> bit & 1), "other")


def fsynr_access(fsynr):
    """CB_FSYNR0.WNR."""
    return "write" if fsynr >> 4 & 1 else "read"


def gfsynr_access(gfsynr0):
    """sGFSYNR0.WNR."""
    return "write" if gfsynr0 >> 1 & 1 else "read"


def v2_stream(register):
    """StreamID of CBFRSYNRA and of sGFSYNR1; the upper half is the SSD index."""
    return register & 0xFFFF
