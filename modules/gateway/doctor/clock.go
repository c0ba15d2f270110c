package doctor

import (
	"time"

	"golang.org/x/sys/unix"
)

// Clocks that differ by more break things: a time-based code lasts 30 s, an assertion a minute.
const (
	skewWarn = 2 * time.Second
	skewFail = 30 * time.Second
)

// Skew judges how far another machine's clock is from this one's. asked and answered are when it was asked, by this clock.
func Skew(check, whose string, asked, answered, there time.Time) Finding {
	here := asked.Add(answered.Sub(asked) / 2)
	skew := there.Sub(here).Abs()
	if slack := answered.Sub(asked) / 2; skew > slack { // what the way took can't be told from a difference
		skew -= slack
	} else {
		skew = 0
	}
	const do = "have both machines set their clocks by NTP (chrony or systemd-timesyncd)"
	switch {
	case skew > skewFail:
		return fail(check, do, "the clock of %s differs by %s: codes and tokens are refused", whose, skew.Round(time.Second))
	case skew > skewWarn:
		return warn(check, do, "the clock of %s differs by %s", whose, skew.Round(100*time.Millisecond))
	}
	return ok(check, "the clock of %s agrees", whose)
}

// Kernel is what the kernel knows of its clock.
type Kernel struct {
	Synchronized bool
	Off          time.Duration // at most, as the kernel reckons
}

// KernelClock asks it.
func KernelClock() (Kernel, error) {
	var t unix.Timex
	state, err := unix.Adjtimex(&t)
	if err != nil {
		return Kernel{}, err
	}
	return Kernel{state != unix.TIME_ERROR && t.Status&unix.STA_UNSYNC == 0, time.Duration(t.Maxerror) * time.Microsecond}, nil
}

// Synchronized judges whether anybody sets this machine's clock.
func Synchronized(k Kernel, err error) Finding {
	const do = "run an NTP client (chrony or systemd-timesyncd) on the host"
	switch {
	case err != nil:
		return warn("clock-ntp", do, "it is not known whether the clock is set by NTP: %v", err)
	case !k.Synchronized:
		return warn("clock-ntp", do, "the kernel says that nobody sets the clock")
	}
	return ok("clock-ntp", "the kernel's clock is set, to within %s", k.Off.Round(time.Millisecond))
}
