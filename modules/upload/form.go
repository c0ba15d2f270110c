package upload

import (
	"errors"
	"fmt"
	"io"

	multipart "github.com/convosphere/gateway/modules/internal/form"
)

// lookAtForm judges the parts of a multipart body, one after the other, up to the first that is refused.
func (x *exchange) lookAtForm() (v finding, number int, err error) {
	boundary, err := multipart.BoundaryOf(x.r.Header["Content-Type"])
	if err != nil { // it was looked at before, and let pass: what parts there are, nobody knows
		return whole(x.rules.Rules, badForm), 0, nil
	}
	var all finding
	files, fields := 0, 0
	m := multipart.NewReader(io.NewSectionReader(x.file, 0, x.file.Size()), boundary, multipart.Limits{Parts: x.rules.MaxFiles + x.rules.MaxFields})
	for {
		part, err := m.Next()
		if err == io.EOF {
			return all, 0, nil
		}
		if err != nil {
			return x.malformed(err)
		}
		size, text, err := measure(part, x.rules.MaxField)
		if err != nil {
			return x.malformed(err)
		}
		if !part.File && (part.Type == "" || isMessage(part.Type)) {
			if fields++; fields > x.rules.MaxFields {
				return whole(x.rules.Rules, tooMany), 0, nil
			}
			if wrong := fieldWrong(size, text, x.rules.Rules); wrong != "" {
				all.note(x.rules.Rules, wrong)
				if all.refuses {
					return all, 0, nil
				}
			}
			continue
		}
		if files++; files > x.rules.MaxFiles {
			return whole(x.rules.Rules, tooMany), 0, nil
		}
		if part.File && part.Filename == "" && size == 0 {
			continue // an input of a page for which nothing was chosen
		}
		v, err := x.one(file{name: part.Filename, declared: part.Type, offset: part.Offset, content: io.NewSectionReader(x.file, part.Offset, size), size: size})
		if err != nil || v.refuses {
			return v, files, err
		}
		all.rules = append(all.rules, v.rules...)
	}
}

// malformed tells a form that is refused from one that could not be read.
func (x *exchange) malformed(err error) (finding, int, error) {
	var wrong *multipart.Error
	if !errors.As(err, &wrong) {
		return finding{}, 0, fmt.Errorf("reading a form: %w", err)
	}
	rule := badForm
	if wrong.Rule == multipart.Parts {
		rule = tooMany
	}
	return whole(x.rules.Rules, rule), 0, nil
}

// fieldWrong tells what is wrong with a field of a form.
func fieldWrong(size int64, text bool, r Rules) string {
	switch {
	case size > r.MaxField:
		return tooLarge
	case !text:
		return binaryText
	}
	return ""
}
