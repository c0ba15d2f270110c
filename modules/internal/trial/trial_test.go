package trial

import (
	"os"
	"testing"
)

func TestOn(t *testing.T) {
	was := os.Args
	t.Cleanup(func() { os.Args = was })
	for _, c := range []struct {
		args []string
		want bool
	}{
		{[]string{"convosphere", "validate", "--config", "x"}, true}, {[]string{"convosphere", "adapt", "--validate"}, true},
		{[]string{"convosphere", "--envfile", "e", "validate"}, true}, {[]string{"convosphere", "--envfile=e", "validate"}, true},
		{[]string{"convosphere", "--envfile", "validate", "run"}, false}, {[]string{"convosphere", "--envfile", "validate"}, false},
		{[]string{"convosphere", "run", "--config", "validate"}, false}, {[]string{"convosphere"}, false}, {nil, false},
	} {
		if os.Args = c.args; On() != c.want {
			t.Errorf("%q: %v", c.args, !c.want)
		}
	}
}
