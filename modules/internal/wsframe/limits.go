package wsframe

import "time"

// Limits bound what a socket may ask for. Zero means the default.
type Limits struct {
	Message    int64         // bytes of a message from the client, else 1009; default 64 KiB
	MessageOut int64         // bytes of a message from the back end, else 1009; default 1 MiB
	Frames     int           // frames that one message may come in, else 1008; default 1024
	Assemble   time.Duration // from the first byte of a message to its last, else 1008; default 60 s
	Control    int           // control frames a second from the client, averaged, with a burst of twice as many, else 1008; default 30
	Write      time.Duration // for the client to take one frame, else the connection is cut (between once and twice as long); default 30 s
	Idle       time.Duration // without a byte from either side, else 1001; default: none
}

var defaults = Limits{
	Message:    64 << 10,
	MessageOut: 1 << 20,
	Frames:     1024,
	Assemble:   time.Minute,
	Control:    30,
	Write:      30 * time.Second,
}

// tightest takes the smaller of each limit that is set.
func (l Limits) tightest(o Limits) Limits {
	return Limits{
		Message:    smaller(l.Message, o.Message),
		MessageOut: smaller(l.MessageOut, o.MessageOut),
		Frames:     smaller(l.Frames, o.Frames),
		Assemble:   smaller(l.Assemble, o.Assemble),
		Control:    smaller(l.Control, o.Control),
		Write:      smaller(l.Write, o.Write),
		Idle:       smaller(l.Idle, o.Idle),
	}
}

// orDefaults fills in what nobody set.
func (l Limits) orDefaults() Limits {
	or(&l.Message, defaults.Message)
	or(&l.MessageOut, defaults.MessageOut)
	or(&l.Frames, defaults.Frames)
	or(&l.Assemble, defaults.Assemble)
	or(&l.Control, defaults.Control)
	or(&l.Write, defaults.Write)
	return l
}

type number interface{ ~int | ~int64 }

// smaller of the two that are set; a limit below zero is as if not set.
func smaller[T number](a, b T) T {
	switch {
	case a <= 0:
		return max(b, 0)
	case b <= 0:
		return a
	}
	return min(a, b)
}

func or[T number](l *T, d T) {
	if *l <= 0 {
		*l = d
	}
}
