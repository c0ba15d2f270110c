package view

import (
	"bufio"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// Rows arrive one by one while the stream goes on, and it ends with whoever reads it.
func TestStream(t *testing.T) {
	rows, ended := make(chan Row), make(chan struct{})
	v := View{Columns: []Column{{Name: "action"}}, Live: func(ctx context.Context, _ Query, send func(Row) error) error {
		for {
			select {
			case <-ctx.Done():
				return nil
			case r := <-rows:
				if err := send(r); err != nil {
					return err
				}
			}
		}
	}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer close(ended)
		if err := v.StreamJSON(r.Context(), w, Query{}); err != nil {
			t.Error(err)
		}
	}))
	defer server.Close()
	ctx, cancel := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := server.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	for _, text := range []string{"login", "a\nb"} {
		rows <- Row{ID: "1", Cells: []any{text}}
		var got []string
		for lines.Scan() {
			if line := lines.Text(); line != "" && !strings.HasPrefix(line, ":") && !strings.HasPrefix(line, "retry") {
				got = append(got, line)
			}
			if len(got) == 2 {
				break
			}
		}
		if want := `event: row|data: {"action":"` + strings.ReplaceAll(text, "\n", `\n`) + `","id":"1"}`; strings.Join(got, "|") != want {
			t.Fatalf("%q, not %q", got, want)
		}
	}
	cancel()
	<-ended
}
