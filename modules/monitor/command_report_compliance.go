package monitor

import (
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"github.com/convosphere/gateway/modules/internal/host"
	"github.com/convosphere/gateway/modules/monitor/compliance"
)

const reportComplianceHelp = `
Which controls of security standards are met: ISO/IEC 27001:2022 Annex A (iso27001), SOC 2 Common Criteria (soc2), GDPR Articles 25 and 32 (gdpr), NIST CSF 2.0
(nist-csf), OWASP ASVS 5.0 (asvs). Of each, those that a gateway can give evidence of are checked against what it does now and what stands in its data: met, not met,
not applicable or unknown, with what was seen and how to mend it. What a control asks for beyond that is not looked at.

--fail-on-gaps exits with 3 where a control is not met, for pipelines.`

func reportComplianceCommand() *cobra.Command {
	var gateway host.Admin
	var frameworks []string
	var format, out string
	var fail bool
	cmd := &cobra.Command{Use: "compliance", Short: "Which controls of security standards are met, with the evidence", Long: reportComplianceHelp, Args: host.NoArgs}
	gateway.Register(cmd)
	cmd.Flags().StringSliceVar(&frameworks, "framework", nil, "Only these standards: "+strings.Join(compliance.FrameworkIDs(), ", "))
	cmd.Flags().StringVar(&format, "format", "html", "html, json or csv")
	cmd.Flags().StringVarP(&out, "output", "o", "", "The file to write (default: standard output)")
	cmd.Flags().BoolVar(&fail, "fail-on-gaps", false, "Exit with 3 where a control is not met")
	cmd.RunE = host.Finds(func(cmd *cobra.Command, _ []string) (bool, error) {
		if _, ok := compliance.Formats[format]; !ok {
			return false, fmt.Errorf("--format is html, json or csv, not %q", format)
		}
		var report compliance.Report
		if err := ask(&gateway, http.MethodGet, "/gateway/reports/compliance?"+url.Values{"framework": frameworks, "format": {"json"}}.Encode(), nil, &report); err != nil {
			return false, err
		}
		var text bytes.Buffer
		if err := report.Write(&text, format); err != nil {
			return false, err
		}
		if err := writeReport(cmd, out, text.Bytes()); err != nil {
			return false, err
		}
		summarise(cmd, &report)
		return fail && report.Count(compliance.NotMet) > 0, nil
	})
	return cmd
}

// summarise tells what it came to, beside the report itself.
func summarise(cmd *cobra.Command, r *compliance.Report) {
	for _, f := range r.Frameworks {
		fmt.Fprintf(cmd.ErrOrStderr(), "%-11s %2d of %2d controls met, %d not met, %d unknown, %d not applicable\n", f.Short, f.Count[compliance.Met], len(f.Controls),
			f.Count[compliance.NotMet], f.Count[compliance.Unknown], f.Count[compliance.NotApplicable])
	}
}
