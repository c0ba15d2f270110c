package screen

import (
	"fmt"
	"path"
	"reflect"
	"runtime"
	"strings"
	"sync"
	_ "unsafe" // for go:linkname

	"github.com/corazawaf/coraza/v3"
	"github.com/corazawaf/coraza/v3/debuglog"
	"github.com/corazawaf/coraza/v3/experimental/plugins/plugintypes"
)

// corazaVersion is the one whose semantics the package was written against and is tested with.
const corazaVersion = "v3.8.1"

//go:linkname getTransformation github.com/corazawaf/coraza/v3/internal/transformations.GetTransformation
func getTransformation(name string) (plugintypes.Transformation, error)

//go:linkname getOperator github.com/corazawaf/coraza/v3/internal/operators.Get
func getOperator(name string, options plugintypes.OperatorOptions) (plugintypes.Operator, error)

// Supported is nil if the binary holds the version of Coraza that the screen knows. A file of Coraza's says so by its path, in every kind of binary.
var Supported = sync.OnceValue(func() error {
	f := runtime.FuncForPC(reflect.ValueOf(coraza.NewWAF).Pointer())
	file, _ := f.FileLine(f.Entry())
	if !strings.Contains(file, "github.com/corazawaf/coraza/v3@"+corazaVersion+"/") {
		return fmt.Errorf("the binary does not hold Coraza %s, which the screen knows, but %s", corazaVersion, path.Dir(file))
	}
	return nil
})

// idle is the transaction that operators without macros are asked in: nothing is captured.
type idle struct{ plugintypes.TransactionState }

func (idle) Capturing() bool              { return false }
func (idle) CaptureField(int, string)     {}
func (idle) DebugLogger() debuglog.Logger { return debuglog.Noop() }
