package waf

import (
	"runtime"
	"sync"

	"github.com/convosphere/gateway/modules/internal/gate"
)

const (
	weightPerCore = 64
	weightBytes   = 4 << 10 // of text weigh 1: the rules take about 20 ms of a core for them
)

// weigh tells what an inspection of so many bytes weighs at the gate.
func weigh(bytes int64) int64 { return 1 + bytes/weightBytes }

// theGate is the process's: rules share its cores, whatever set or configuration they belong to, so a reload changes nothing here.
var theGate = sync.OnceValue(func() *gate.Gate { return gate.New(weightPerCore * int64(runtime.GOMAXPROCS(0))) })
