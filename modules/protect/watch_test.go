package protect

import (
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/convosphere/gateway/modules/protect/record"
)

// A proxy may still read a body when it has the answer: why the body ended is asked while it ends.
func TestABodyIsBlamedWhileItIsRead(t *testing.T) {
	sent := &record.Error{Pointer: "/a", Err: record.ErrSent}
	for range 50 {
		b := &watched{Reader: iotest.ErrReader(sent)}
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := b.Read(make([]byte, 1)); !errors.Is(err, record.ErrSent) {
				t.Error(err)
			}
		})
		_ = blame(b)
		wg.Wait()
		if f := blame(b); f == nil || f.status != http.StatusUnprocessableEntity || f.word != wordToken {
			t.Fatal(f)
		}
	}
}

// What is not encrypted in a form is not kept in memory, however long it is.
func TestLongFieldsOfFormsPass(t *testing.T) {
	e := newEnv(t, "max_body 64KiB\n"+chat, chatFields)
	long := strings.Repeat("x", 200<<10)
	body := "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n" + long + "\r\n--b--\r\n"
	if r := e.send("POST", "/elsewhere", "multipart/form-data; boundary=b", body); r.status != http.StatusOK || !strings.Contains(e.stored(), long) {
		t.Error(r.status)
	}
}
