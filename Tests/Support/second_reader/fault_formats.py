"""Faults as each kernel prints them. `record(random, smmu)` invents a fault, and returns its messages (what follows
the name of the SMMU) together with the truth that they were made from."""

import facts

KERNEL_NAMES = (0x02, 0x03, 0x04, 0x06, 0x08, 0x09, 0x0A, 0x10, 0x11, 0x12, 0x13, 0x25)
ADDRESS_EVENTS = (0x10, 0x11, 0x12, 0x13)
FETCH_EVENTS = (0x03, 0x09, 0x25)
CLASSES = ("CD fetch", "Stage 1 translation table fetch", "Input address caused fault", "Reserved")
CLIENTS = ("0000:01:00.0", "0002:21:00.0", "0001:06:00.1", "a600000.dwc3", "fe150000.pcie", "HISI0241:00")
ADDRESSES = (0x0, 0x40, 0x8000040, 0x8001040, 0x8090040, 0xFFFFF040, 0xFFFFE040, 0x6030040, 0xFFFFFFFFF040,
             0xAAAADA7AF000, 0x9B0CC000, 0x100)


class Smmu:
    """Which driver's name stands before its messages, and of what kinds these are."""

    def __init__(self, driver, name, formats, stamp=""):
        self.stamp = stamp
        self.driver = driver
        self.name = name
        self.formats = formats

    @property
    def start(self):
        """What the kernel prints before each message."""
        if "xen" in self.formats:
            return f"(XEN) {self.stamp}smmu: {self.name}:"
        return f"{self.driver} {self.name}:" if self.name else f"{self.driver}:"


def any_smmu(random):
    kind = random.choices(("v3", "v2", "msm", "l4t", "xen", "abbreviated"), (40, 30, 8, 8, 8, 2))[0]
    if kind == "v3":
        name = random.choice((f"arm-smmu-v3.{random.randrange(12)}.auto", "fc900000.iommu", "490d0000.iommu",
                              "9050000.smmuv3", "2b400000.iommu"))
        # A kernel prints the words alone or with the decoded lines; without the words it is a search's result.
        errors = ("cmd_sync", "cmdq_error", "gerror")
        return Smmu("arm-smmu-v3", name, random.choice((
            ("raw", "raw", "pri"), ("raw", *errors), ("raw_decoded", "raw_decoded", "pri"),
            ("raw_decoded", "raw_decoded", "pri", *errors), ("decoded",))))
    if kind == "xen":
        return Smmu("arm-smmu", f"/iommu@{random.choice((0x51400000, 0x7fb30000, 0xfd800000)):x}",
                    ("xen", "context_fsr", "global"),
                    random.choice(("", "", "[2026-11-12 03:00:00] ", "[   12.345678] ")))
    name = random.choice(("5000000.iommu", "64000000.iommu", "15000000.iommu", f"arm-smmu.{random.randrange(4)}.auto",
                          "e00000.smmu", "15000000.apps-smmu"))
    if kind == "msm":
        return Smmu("arm-smmu", random.choice(("15000000.apps-smmu", "3da0000.kgsl-smmu")), ("msm",))
    if kind == "l4t":
        return Smmu("arm-smmu", "12000000.iommu", ("l4t",))
    if kind == "abbreviated":
        return Smmu("arm-smmu", "", ("abbreviated",))
    return Smmu("arm-smmu", name, ("context_old", "context_fsr", "context_sid", "context_split", "context_split",
                                   "context_blank", "global", "blocked"))


def record(random, smmu):
    """Messages of one fault, and its truth."""
    form = random.choice([form for form in smmu.formats if form != "xen"])
    lines, truth = FORMS[form](random)
    told = {"driver": smmu.driver, "smmu": smmu.name, "form": f"xen {form}" if "xen" in smmu.formats else form,
            "cause": "other", "iova": None, "stream_id": None, "substream_id": None, "access": None, "stage": None,
            "client": None}
    return lines, told | truth


def address(random):
    pick = random.random()
    if pick < 0.3:
        return random.choice(ADDRESSES)
    return random.getrandbits(random.choice((28, 32, 36, 40, 48))) & ~(0xFFF if pick < 0.7 else 0x3)


def stream(random):
    return random.choice((random.randrange(0x10000), random.randrange(0x80), random.getrandbits(22)))


# SMMUv3.

def event_words(random):
    """The number of an event, its four words, and what they say."""
    number = random.choices((0x10, random.choice(list(facts.EVENTS)), 0x0C, 0x80), (50, 45, 3, 2))[0]
    name, cause, fields = facts.event(number)
    sid = stream(random)
    ssid = random.choice((None, None, None, 0, 1, random.randrange(1 << 20)))
    # Word 3 is the page of the intermediate address where the event has one; elsewhere it may be stale.
    words = [sid << 32 | number, 0, address(random), random.choice((0, address(random)))]
    if number in facts.IPA_EVENTS:
        words[3] &= ~0xFFF
    if ssid is not None:
        words[0] |= 1 << 11 | ssid << 12
    truth = {"event": name, "cause": cause, "stream_id": sid, "substream_id": ssid, "number": number}
    if "r" in fields or random.random() < 0.3:
        # Stage 2 alone faults while a context descriptor is fetched, and class 3 is reserved; emulators leave the
        # class out.
        stage_2 = random.choice((0, 0, 1))
        words[1] = random.choice((0, 0, 0x176, random.getrandbits(16))) | random.getrandbits(1) << 35 \
            | random.getrandbits(1) << 33 | random.getrandbits(1) << 34 | stage_2 << 39 \
            | random.choice((0, 1, 2) if stage_2 or words[2] != words[3] else (1, 2, 2)) << 40 \
            | random.choice((0, 0, 1)) << 31 | random.getrandbits(1) << 44
    if "a" in fields:
        truth["iova"] = words[2]
    if "r" in fields:
        truth["access"] = facts.access(words[1])
    if "s" in fields:
        truth["stage"] = facts.stage(words[1])
    return words, truth


def raw(random):
    words, truth = event_words(random)
    gap = random.choice(("\t", " ", "  ", "      ", ""))
    return [f"event 0x{truth['number']:02x} received:"] + [f"{gap}0x{word:016x}" for word in words], truth


def decoded_lines(random, words, truth):
    """The two lines that newer kernels add, and what they say beyond the words."""
    number = truth["number"]
    name = truth["event"] if number in KERNEL_NAMES else "UNKNOWN"
    client = random.choice(CLIENTS + ("(unassigned sid)",))
    line = f"event: {name} client: {client} sid: 0x{truth['stream_id']:x} ssid: 0x{truth['substream_id'] or 0:x}"
    told = {} if client.startswith("(") else {"client": client}
    if number in FETCH_EVENTS:
        return [line + f" fetch_addr: 0x{words[3] & 0xFFFFFFFFFFFF8:x}"], told
    if number not in ADDRESS_EVENTS:
        return [line], told
    nature = words[1]
    kind = nature >> 40 & 3
    walk = (" ttd_read" if nature >> 44 & 1 else " ttd_write") if kind == 1 else ""
    return [line + f" iova: 0x{words[2]:x} ipa: 0x{words[3] & 0xFFFFFFFFFF000:x}",
            f"{'priv' if nature >> 33 & 1 else 'unpriv'} {'inst' if nature >> 34 & 1 else 'data'} "
            f"{facts.access(nature)} s{facts.stage(nature)} \"{CLASSES[kind]}\"{walk}"
            f"{' stall' if facts.is_stalled(nature) else ''} stag: 0x{nature & 0xFFFF:x}"], told


def raw_decoded(random):
    words, truth = event_words(random)
    gap = random.choice(("\t", " ", "  "))
    lines, told = decoded_lines(random, words, truth)
    return [f"event 0x{truth['number']:02x} received:"] + [f"{gap}0x{word:016x}" for word in words] + lines, \
        truth | told


def decoded(random):
    """As somebody pastes who left the words out."""
    while True:
        words, truth = event_words(random)
        if truth["number"] in KERNEL_NAMES:
            break
    lines, told = decoded_lines(random, words, truth)
    truth |= told
    truth["substream_id"] = truth["substream_id"] or None
    return lines, truth


def pri(random):
    sid, ssid, iova = stream(random), random.choice((0, 0, random.randrange(1 << 20))), address(random) & ~0xFFF
    rights = random.choice(("R", "W", "RW", "RX", "RWX", ""))
    lines = ["unexpected PRI request received:",
             f"\tsid 0x{sid:08x}.0x{ssid:05x}: [{random.randrange(512)}{random.choice(('', 'L'))}] "
             f"{random.choice(('', 'un'))}privileged {rights} access at iova 0x{iova:016x}"]
    return lines, {"event": "PRI request", "cause": "page_request", "iova": iova, "stream_id": sid,
                   "substream_id": ssid or None}


# SMMUv2.

def context_registers(random):
    """FSR, address, FSYNR0, stream and context bank, and what they say."""
    fsr = random.choice((0x402, 0x402, 0x408, 0x80000402, 0x404, 0x410, 0x40000402, 0x2, 0x8, 0x420, 0x440, 0x480,
                         0x500, 0x40A))
    fsynr = random.choice((0x3, 0x13, 0x11, 0x21, 0x2F0013, 0x300003, 0x7C0020, 0x1C0062, 0x220003, 0x403))
    iova, sid, bank = address(random), random.randrange(0x10000), random.randrange(128)
    truth = {"event": "context fault", "cause": facts.fsr_cause(fsr), "iova": iova, "stream_id": sid,
             "access": facts.fsynr_access(fsynr)}
    return fsr, iova, fsynr, sid, bank, truth


def context_old(random):
    _, iova, fsynr, _, bank, truth = context_registers(random)
    truth |= {"cause": "other", "stream_id": None}
    return [f"Unhandled context fault: iova=0x{iova:08x}, fsynr=0x{fsynr:x}, cb={bank}"], truth


def context_fsr(random):
    fsr, iova, fsynr, _, bank, truth = context_registers(random)
    return [f"Unhandled context fault: fsr=0x{fsr:x}, iova=0x{iova:08x}, fsynr=0x{fsynr:x}, cb={bank}"], \
        truth | {"stream_id": None}


def context_sid(random):
    fsr, iova, fsynr, sid, bank, truth = context_registers(random)
    domain = random.choice((0, 0, 0x30000))
    return [f"Unhandled context fault: fsr=0x{fsr:x}, iova=0x{iova:08x}, fsynr=0x{fsynr:x}, "
            f"cbfrsynra=0x{sid | domain:x}, cb={bank}"], truth


def context_blank(random):
    _, iova, _, sid, bank, truth = context_registers(random)
    return [f"Unhandled context fault: iova=0x{iova:08x} cbfrsynra=0x{sid:x} cb={bank}"], \
        truth | {"cause": "other", "access": None}


FSR_FLAGS = ((8, "UUT"), (7, "ASF"), (6, "TLBLKF"), (5, "TLBMCF"), (4, "EF"), (3, "PF"), (2, "AFF"), (1, "TF"))
FSYNR_FLAGS = ((11, "AFR"), (10, "PTWF"), (8, "NSATTR"), (6, "IND"), (5, "PNU"), (4, "WNR"))


def flags(value, table):
    return "".join(f" {name}" for bit, name in table if value >> bit & 1)


def context_split(random):
    """6.12 and later: three lines."""
    fsr, iova, fsynr, sid, bank, truth = context_registers(random)
    return [f"Unhandled context fault: fsr=0x{fsr:x}, iova=0x{iova:08x}, fsynr=0x{fsynr:x}, "
            f"cbfrsynra=0x{sid:x}, cb={bank}",
            f"FSR    = {fsr:08x} [{'MULTI ' if fsr >> 31 else ''}{'SS ' if fsr >> 30 & 1 else ''}"
            f"Format={fsr >> 9 & 3}{flags(fsr, FSR_FLAGS)}], SID=0x{sid:x}",
            f"FSYNR0 = {fsynr:08x} [S1CBNDX={fsynr >> 16 & 0xFF}{flags(fsynr, FSYNR_FLAGS)} PLVL={fsynr & 3}]"], truth


def msm(random):
    fsr, iova, fsynr, sid, bank, truth = context_registers(random)
    client = random.choice(("a600000.dwc3", "soc:qcom,cam_smmu:msm_cam_smmu_ife", "ae00000.qcom,mdss_mdp"))
    letter = "W" if fsynr >> 4 & 1 else "R"
    lines = [f"Unhandled arm-smmu context fault from {client}!", f"FAR    = 0x{iova:016x}",
             "PAR    = 0x0000000000000000",
             f"FSR    = 0x{fsr:08x} [{flags(fsr, FSR_FLAGS).strip()} {letter} {'SS ' if fsr >> 30 & 1 else ''}]",
             f"FSYNR0    = 0x{fsynr:x}", f"FSYNR1    = 0x{random.getrandbits(16):x}",
             f"context bank#    = 0x{bank:x}"]
    if random.random() < 0.5:
        lines += [f"TTBR0  = 0x{random.getrandbits(40):016x}", f"SID = 0x{sid:x}"]
    else:
        truth["stream_id"] = None
    return lines, truth | {"client": client}


def l4t(random):
    _, iova, fsynr, _, bank, truth = context_registers(random)
    sid, client = random.randrange(0x80), random.choice(("AFI", "PCIE5", "VIC", "NVENC", "HDA"))
    pte = random.choice((0, 0, 0x9F4C3F53))
    return [f"Unhandled context fault: iova=0x{iova:08x}, fsynr=0x{fsynr:x}, cb={bank}, "
            f"sid={sid}(0x{sid:x} - {client}), pgd=25bec9003, pud=25bec9003, pmd=235086003, pte={pte:x}"], \
        truth | {"cause": "other" if pte else "translation", "stream_id": sid, "client": client}


def abbreviated(random):
    _, iova, _, sid, _, truth = context_registers(random)
    return [f"Unhandled context fault: iova=0x{iova:x}, SID=0x{sid:x}"], truth | {"cause": "other", "access": None}


def global_registers(random, gfsr, sid):
    gfsynr = random.choice((0x0, 0x2, 0x4, 0x6, 0x26))
    return f"\tGFSR 0x{gfsr:08x}, GFSYNR0 0x{gfsynr:08x}, GFSYNR1 0x{sid:08x}, GFSYNR2 0x00000000", \
        facts.gfsynr_access(gfsynr)


def global_fault(random):
    sid = random.randrange(0x10000)
    gfsr = random.choice((0x1, 0x2, 0x4, 0x8, 0x10, 0x80000002))
    line, access = global_registers(random, gfsr, sid | random.choice((0, 0, 0x30000)))
    return ["Unexpected global fault, this could be serious", line], \
        {"event": "global fault", "cause": "configuration", "stream_id": sid, "access": access}


def blocked(random):
    sid = random.randrange(0x10000)
    line, access = global_registers(random, random.choice((0x2, 0x80000002)), sid)
    return [f"Blocked unknown Stream ID 0x{sid:x}; boot with \"arm-smmu.disable_bypass=0\" to allow, "
            "but this may have security implications", line], \
        {"event": "unknown stream", "cause": "configuration", "stream_id": sid, "access": access}


# The command queue of SMMUv3.

def queue(event):
    return {"event": event, "cause": "command_queue"}


def cmd_sync(random):
    place = random.getrandbits(20)
    return [f"CMD_SYNC timeout at 0x{place:08x} [hwprod 0x{place + 9:08x}, hwcons 0x{place:08x}]"], \
        queue("CMD_SYNC timeout")


def cmdq_error(random):
    """The command's words are no event's."""
    reason = random.choice(("Illegal command", "Abort on command fetch", "ATC invalidate timeout", "No error"))
    lines = [f"CMDQ error (cons 0x{random.getrandbits(28):08x}): {reason}"]
    if reason == "Illegal command":
        lines += ["skipping command in error state:", f"\t0x{random.getrandbits(44):016x}",
                  f"\t0x{random.choice((0, 0x10, 0x8000040)):016x}"]
    return lines, queue("CMDQ error" if reason == "No error" else f"CMDQ error: {reason}")


def gerror(random):
    bits = random.choice((0x1, 0x1, 0x4, 0x80))
    return [f"unexpected global error reported (0x{bits:08x}), this could be serious"], \
        queue("global error") | {"bits": bits}


FORMS = {"cmd_sync": cmd_sync, "cmdq_error": cmdq_error, "gerror": gerror, "raw": raw,
         "raw_decoded": raw_decoded, "decoded": decoded, "pri": pri, "context_old": context_old,
         "context_fsr": context_fsr, "context_sid": context_sid, "context_blank": context_blank,
         "context_split": context_split, "msm": msm, "l4t": l4t, "abbreviated": abbreviated,
         "global": global_fault, "blocked": blocked}
