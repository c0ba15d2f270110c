package conformance

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net"
	"net/http"

	"github.com/convosphere/gateway/test/kit"
)

// reflection is what a test asks the back end to answer, as albedo, the suite's own back end, takes it.
type reflection struct {
	Status      int               `json:"status"`
	Headers     map[string]string `json:"headers"`
	Body        string            `json:"body"`
	EncodedBody string            `json:"encodedBody"` // base64, where Body is empty
	LogMessage  string            `json:"logMessage"`
}

// reflector starts the back end: POST /reflect answers as it is told, whatever else with an empty 200.
func reflector(t kit.T) (addr string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("the back end: %v", err)
	}
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost && (r.URL.Path == "/reflect" || r.URL.Path == "/reflect/") {
			reflect(w, r)
			return
		}
		_, _ = io.Copy(io.Discard, r.Body)
	})}
	go func() { _ = s.Serve(l) }()
	t.Cleanup(func() { s.Close() })
	return l.Addr().String()
}

func reflect(w http.ResponseWriter, r *http.Request) {
	spec := reflection{Status: http.StatusOK}
	if err := json.NewDecoder(r.Body).Decode(&spec); err != nil {
		http.Error(w, "Invalid JSON in request body", http.StatusBadRequest)
		return
	}
	body := []byte(spec.Body)
	if spec.Body == "" {
		var err error
		if body, err = base64.StdEncoding.DecodeString(spec.EncodedBody); err != nil {
			http.Error(w, "invalid base64 encoding of response body", http.StatusBadRequest)
			return
		}
	}
	if spec.Status < 100 || spec.Status >= 600 {
		http.Error(w, "Invalid status code", http.StatusBadRequest)
		return
	}
	for name, value := range spec.Headers {
		w.Header().Set(name, value)
	}
	w.WriteHeader(spec.Status)
	_, _ = w.Write(body)
}
