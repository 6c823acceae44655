"""What stands before a kernel's message in a paste: stamps, levels, the caller, a host's name, a search's line
numbers. Each style is a function of a clock in microseconds since boot and of the message."""

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


class Clock:
    """Microseconds since boot; every line takes a little."""

    def __init__(self, random):
        self.random = random
        self.now = random.choice((500_000, 70_000_000, 11_375_000_000)) + random.randrange(1_000_000)
        self.line = 0

    def tick(self):
        self.now += self.random.choice((1, 2, 5_000, 600_000))
        self.line += 1

    @property
    def stamp(self):
        return f"{self.now // 1_000_000:5d}.{self.now % 1_000_000:06d}"

    @property
    def micros(self):
        return f"{self.now % 1_000_000:06d}"

    @property
    def wall(self):
        second = self.now // 1_000_000
        return f"{3 + second // 3600 % 20:02d}:{second // 60 % 60:02d}:{second % 60:02d}"


def coloured(clock, message):
    head, colon, rest = message.partition(": ")
    return f"\x1b[32m[{clock.stamp}] \x1b[0m\x1b[33m{head}{colon}\x1b[0m\x1b[1m{rest}\x1b[0m"


STYLES = {
    "none": lambda clock, message: message,
    "dmesg": lambda clock, message: f"[{clock.stamp}] {message}",
    "caller thread": lambda clock, message: f"[{clock.stamp}][  T101] {message}",
    "caller CPU": lambda clock, message: f"[{clock.stamp}][    C0] {message}",
    "caller apart": lambda clock, message: f"[{clock.stamp}] [    T101] {message}",
    "dmesg -T": lambda clock, message: f"[Thu Nov 12 {clock.wall} 2026] {message}",
    "dmesg iso": lambda clock, message: f"2026-11-12T{clock.wall},{clock.micros}+00:00 {message}",
    "dmesg -x": lambda clock, message: f"kern  :err   : [{clock.stamp}] {message}",
    "dmesg -x -T": lambda clock, message: f"kern  :err   : [Thu Nov 12 {clock.wall} 2026] {message}",
    "dmesg delta": lambda clock, message: f"[{clock.stamp} <    0.000012>] {message}",
    "level": lambda clock, message: f"<3>{message}",
    "level and stamp": lambda clock, message: f"<3>[{clock.stamp}] {message}",
    "level, stamp, caller": lambda clock, message: f"<3>[{clock.stamp}][  T803] {message}",
    "journalctl": lambda clock, message: f"Nov 12 {clock.wall} host kernel: {message}",
    "journalctl precise": lambda clock, message: f"Nov 12 {clock.wall}.{clock.micros} host kernel: {message}",
    "journalctl iso": lambda clock, message: f"2026-11-12T{clock.wall}+0000 host kernel: {message}",
    "journalctl full": lambda clock, message: f"Thu 2026-11-12 {clock.wall} UTC host kernel: {message}",
    "journalctl monotonic": lambda clock, message: f"[{clock.stamp}] host kernel: {message}",
    "journalctl unix": lambda clock, message: f"17948{clock.stamp.strip().zfill(12)} host kernel: {message}",
    "syslog": lambda clock, message: f"Nov 12 {clock.wall} host kernel: [{clock.stamp}] {message}",
    "syslog iso": lambda clock, message:
        f"2026-11-12T{clock.wall}.{clock.micros}+01:00 build-17.example.org kernel: [{clock.stamp}] {message}",
    "syslog RFC 5424": lambda clock, message: f"<3>1 2026-11-12T{clock.wall}Z host kernel - - - {message}",
    "logcat": lambda clock, message: f"11-12 {clock.wall}.{clock.micros[:3]}     0     0 E {message}",
    "serial stamp": lambda clock, message: f"[2026-11-12 {clock.wall}.{clock.micros[:3]}] [{clock.stamp}] {message}",
    "kmsg": lambda clock, message: f"3,{1200 + clock.line},{clock.now},-;{message}",
    "search": lambda clock, message: f"{clock.line}:[{clock.stamp}] {message}",
    "search in file": lambda clock, message: f"dmesg.txt:{clock.line}:{message}",
    "colours": coloured,
    "logread": lambda clock, message: f"Thu Nov 12 {clock.wall} 2026 kern.err kernel: [{clock.stamp}] {message}",
    "busybox": lambda clock, message: f"Nov 12 {clock.wall} router kern.err kernel: {message}",
}
