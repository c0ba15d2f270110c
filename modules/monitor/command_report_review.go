package monitor

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"

	"github.com/caddyserver/caddy/v2"
	"github.com/spf13/cobra"

	"github.com/convosphere/gateway/modules/internal/host"
	"github.com/convosphere/gateway/modules/monitor/review"
)

const reportAccessHelp = `
Who holds which role, grant, token and key, when each was last used, and what of it is stale: unused for 90 days, of a disabled account, or of nobody.

With --review the report is of an access review, as the console's view has it: with each decision, and, where it is signed, whether it still is as it was signed.`

func reportAccessCommand() *cobra.Command {
	var gateway host.Admin
	var of, format, out string
	cmd := &cobra.Command{Use: "access", Short: "Who holds which role, grant, token and key, and what of it is stale", Long: reportAccessHelp, Args: host.NoArgs}
	gateway.Register(cmd)
	cmd.Flags().StringVar(&of, "review", "", "The id of an access review (default: who holds what now)")
	cmd.Flags().StringVar(&format, "format", "html", "html, json or csv")
	cmd.Flags().StringVarP(&out, "output", "o", "", "The file to write (default: standard output)")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if !slices.Contains(review.Formats, format) {
			return errors.New("--format is html, json or csv")
		}
		raw, err := gateway.Call(http.MethodGet, "/gateway/reports/access?"+url.Values{"review": {of}, "format": {format}}.Encode(), nil, nil)
		if err != nil {
			return err
		}
		return writeReport(cmd, out, raw)
	}
	return cmd
}

var errNoReviews = caddy.APIError{HTTPStatus: http.StatusNotFound, Err: errors.New("this gateway keeps no access reviews: `monitor` is off")}

// serveAccessReport answers ?review=&format= with that review, or with who holds what now.
func (a *App) serveAccessReport(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), adminTime)
	defer cancel()
	if a.reviews == nil {
		return errNoReviews
	}
	v := r.URL.Query()
	format, ok := reportFormats[v.Get("format")]
	if !ok {
		return host.BadRequest(errors.New("format: it is html, json or csv"))
	}
	var out bytes.Buffer // whole, or an error
	err := a.reviews.Report(ctx, v.Get("review"), v.Get("format"), &out)
	switch {
	case errors.Is(err, review.ErrNotFound):
		return caddy.APIError{HTTPStatus: http.StatusNotFound, Err: err}
	case errors.Is(err, review.ErrMany):
		return caddy.APIError{HTTPStatus: http.StatusUnprocessableEntity, Err: err}
	case err != nil:
		return caddy.APIError{HTTPStatus: http.StatusInternalServerError, Err: err}
	}
	w.Header().Set("Content-Type", format.media)
	_, err = out.WriteTo(w)
	return err
}
