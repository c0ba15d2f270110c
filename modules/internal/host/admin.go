package host

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"
)

// mostAnswer bounds what a command reads of the gateway's answer.
const mostAnswer = 256 << 20

// Admin is how commands reach a running gateway: where its admin endpoint is, as their flags say.
type Admin struct{ Address, Config, Adapter string }

// Register adds --address, --config and --adapter.
func (f *Admin) Register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.Address, "address", "", "The admin address of the running gateway, if not the configuration's")
	cmd.Flags().StringVarP(&f.Config, "config", "c", "", "The configuration of the running gateway, for its admin address")
	cmd.Flags().StringVarP(&f.Adapter, "adapter", "a", "", "Configuration adapter, if the file is neither a Caddyfile nor JSON")
}

// Call asks the running gateway. uri is escaped; a body is JSON unless header says otherwise.
func (f *Admin) Call(method, uri string, header http.Header, body io.Reader) ([]byte, error) {
	address, err := caddycmd.DetermineAdminAPIAddress(f.Address, nil, f.Config, f.Adapter)
	if err != nil {
		return nil, fmt.Errorf("finding the admin address (--address names it): %w", err)
	}
	resp, err := caddycmd.AdminAPIRequest(address, method, uri, header, body)
	if err != nil {
		if unreachable(err) {
			return nil, fmt.Errorf("%w at %s: is it running? --address or --config says where: %w", ErrNoAnswer, address, err)
		}
		return nil, plainError(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, mostAnswer+1))
	if err != nil {
		return nil, fmt.Errorf("reading the gateway's answer: %w", err)
	}
	if len(raw) > mostAnswer {
		return nil, fmt.Errorf("the gateway's answer has more than %d MiB", mostAnswer>>20)
	}
	return raw, nil
}

// mostLine bounds a line of a stream.
const mostLine = 1 << 20

// Stream asks the running gateway and calls f with each line of its answer as it comes, without the line's end, until the answer ends or f fails.
func (f *Admin) Stream(uri string, line func([]byte) error) error {
	address, err := caddycmd.DetermineAdminAPIAddress(f.Address, nil, f.Config, f.Adapter)
	if err != nil {
		return fmt.Errorf("finding the admin address (--address names it): %w", err)
	}
	resp, err := caddycmd.AdminAPIRequest(address, http.MethodGet, uri, nil, nil)
	if err != nil {
		if unreachable(err) {
			return fmt.Errorf("%w at %s: is it running? --address or --config says where: %w", ErrNoAnswer, address, err)
		}
		return plainError(err)
	}
	defer resp.Body.Close()
	in := bufio.NewScanner(resp.Body)
	in.Buffer(nil, mostLine)
	for in.Scan() {
		if err := line(in.Bytes()); err != nil {
			return err
		}
	}
	if err := in.Err(); err != nil {
		return fmt.Errorf("%w: %w", ErrCutOff, err)
	}
	return nil
}

// Errors that commands tell apart.
var (
	ErrNoAnswer = errors.New("no gateway answers")
	ErrCutOff   = errors.New("the gateway's answer was cut off")
)

// unreachable tells whether nobody answered, by the words of Caddy's client: its errors do not wrap.
func unreachable(err error) bool { return strings.HasPrefix(err.Error(), "performing request:") }

// plainError takes the gateway's own words out of the JSON that Caddy's client puts into its error.
func plainError(err error) error {
	at := strings.Index(err.Error(), `{"error":`)
	if at < 0 {
		return err
	}
	var answer struct {
		Error string `json:"error"`
	}
	if json.Unmarshal([]byte(err.Error()[at:]), &answer) != nil || answer.Error == "" {
		return err
	}
	return errors.New("the gateway refuses: " + answer.Error)
}
