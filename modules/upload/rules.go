package upload

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/convosphere/gateway/modules/upload/inspect"
)

// Defaults and bounds of what may be uploaded.
const (
	defaultMaxSize   = 100 << 20
	defaultMaxFiles  = 20
	defaultMaxFields = 100
	defaultMaxField  = 64 << 10
	mostSize         = 1 << 40
	mostFiles        = 10_000
	mostFields       = 10_000
	mostField        = 16 << 20
)

// Rules say what may be uploaded. What is zero is as the handler has it, or, of the handler's own, the default.
type Rules struct {
	// The most bytes of a body; default 100 MiB.
	MaxSize int64 `json:"max_size,omitempty"`
	// The most bytes of one file; default: of the body.
	MaxFile int64 `json:"max_file,omitempty"`
	// The most files of a multipart body; default 20.
	MaxFiles int `json:"max_files,omitempty"`
	// The most other fields of a multipart body; default 100.
	MaxFields int `json:"max_fields,omitempty"`
	// The most bytes of one of them; default 64 KiB.
	MaxField int64 `json:"max_field,omitempty"`

	// What files may be, by their content: image/png, image/* …; default: anything.
	Types []string `json:"types,omitempty"`
	// Archives that may pass though they can't be looked into.
	Opaque []string `json:"opaque,omitempty"`
	// Findings that refuse nothing, and such as refuse that would only be reported: see the README for all of them.
	Allow  []string `json:"allow,omitempty"`
	Refuse []string `json:"refuse,omitempty"`

	// Takes out of pictures and videos where they were made.
	StripLocation bool `json:"strip_location,omitempty"`

	// Bounds of images: pixels of one, of a side, frames of an animation. Default: 100 million, 32768, 1000.
	ImagePixels int64 `json:"image_pixels,omitempty"`
	ImageSide   int64 `json:"image_side,omitempty"`
	ImageFrames int   `json:"image_frames,omitempty"`

	// Bounds of archives: levels, entries, unpacked bytes, and these for one byte of the archive. Default: 3, 10000, 1 GiB, 200.
	ArchiveDepth   int   `json:"archive_depth,omitempty"`
	ArchiveEntries int   `json:"archive_entries,omitempty"`
	ArchiveSize    int64 `json:"archive_size,omitempty"`
	ArchiveRatio   int64 `json:"archive_ratio,omitempty"`
}

// over gives r, and what it leaves open as base has it.
func (r Rules) over(base Rules) Rules {
	r.MaxSize, r.MaxFile = cmp.Or(r.MaxSize, base.MaxSize), cmp.Or(r.MaxFile, base.MaxFile)
	r.MaxFiles, r.MaxFields = cmp.Or(r.MaxFiles, base.MaxFiles), cmp.Or(r.MaxFields, base.MaxFields)
	r.MaxField = cmp.Or(r.MaxField, base.MaxField)
	for _, l := range []struct{ own, base *[]string }{{&r.Types, &base.Types}, {&r.Opaque, &base.Opaque}, {&r.Allow, &base.Allow}, {&r.Refuse, &base.Refuse}} {
		if *l.own == nil {
			*l.own = *l.base
		}
	}
	r.StripLocation = r.StripLocation || base.StripLocation
	r.ImagePixels, r.ImageSide, r.ImageFrames = cmp.Or(r.ImagePixels, base.ImagePixels), cmp.Or(r.ImageSide, base.ImageSide), cmp.Or(r.ImageFrames, base.ImageFrames)
	r.ArchiveDepth, r.ArchiveEntries = cmp.Or(r.ArchiveDepth, base.ArchiveDepth), cmp.Or(r.ArchiveEntries, base.ArchiveEntries)
	r.ArchiveSize, r.ArchiveRatio = cmp.Or(r.ArchiveSize, base.ArchiveSize), cmp.Or(r.ArchiveRatio, base.ArchiveRatio)
	return r
}

// defaults are what the handler's own rules stand over. Those of images and archives are inspect's.
var defaults = Rules{MaxSize: defaultMaxSize, MaxFiles: defaultMaxFiles, MaxFields: defaultMaxFields, MaxField: defaultMaxField}

func (r Rules) validate() error {
	switch {
	case r.MaxSize < 1 || r.MaxSize > mostSize:
		return fmt.Errorf("max_size %d: it is 1 byte to 1 TiB", r.MaxSize)
	case r.MaxFile < 0:
		return fmt.Errorf("max_file %d: it can't be negative", r.MaxFile)
	case r.MaxFiles < 1 || r.MaxFiles > mostFiles:
		return fmt.Errorf("max_files %d: it is 1 to %d", r.MaxFiles, mostFiles)
	case r.MaxFields < 1 || r.MaxFields > mostFields:
		return fmt.Errorf("max_fields %d: it is 1 to %d", r.MaxFields, mostFields)
	case r.MaxField < 1 || r.MaxField > mostField:
		return fmt.Errorf("max_field %d: it is 1 byte to 16 MiB", r.MaxField)
	}
	for _, list := range [][]string{r.Allow, r.Refuse} {
		for _, w := range list {
			if !slices.Contains(findings, w) {
				return fmt.Errorf("there is no finding %q: there are %s", w, words(findings))
			}
		}
	}
	for _, w := range r.Allow {
		if slices.Contains(r.Refuse, w) {
			return fmt.Errorf("%s is allowed and refused at once", w)
		}
		if w == malware {
			return errors.New("allow malware: leave the scanner out, or release single files from quarantine")
		}
	}
	return r.limits().Validate()
}

// limits are those that inspect knows.
func (r Rules) limits() inspect.Limits {
	return inspect.Limits{
		Types: r.Types, Opaque: r.Opaque, Pixels: r.ImagePixels, Side: r.ImageSide, Frames: r.ImageFrames,
		Depth: r.ArchiveDepth, Entries: r.ArchiveEntries, Bytes: r.ArchiveSize, Ratio: r.ArchiveRatio,
	}
}

// refuses tells whether a finding refuses what it was found in.
func (r Rules) refuses(f string) bool {
	switch {
	case slices.Contains(r.Allow, f):
		return false
	case slices.Contains(r.Refuse, f):
		return true
	}
	return slices.Contains(own, f) || inspect.Rule(f).Refuses()
}

// refusesSeen is refuses for what inspect has found, which may matter less within an archive.
func (r Rules) refusesSeen(f inspect.Finding) bool {
	rule := string(f.Rule)
	return !slices.Contains(r.Allow, rule) && (slices.Contains(r.Refuse, rule) || f.Refuses())
}

// Findings of this package, beside those of inspect. They refuse.
const (
	malware    = "malware"    // the scanner found something
	unscanned  = "unscanned"  // longer than the scanner takes
	tooLarge   = "size"       // a body or a file
	tooMany    = "count"      // of files or fields
	badForm    = "form"       // a multipart body that is malformed, or read differently by different programs
	notForm    = "multipart"  // a multipart body that is no form
	encoded    = "encoding"   // a body that is compressed, so that what the back end makes of it is not what was looked at
	partial    = "partial"    // a piece of a file
	badType    = "media-type" // a declared type that can't be read, or several
	binaryText = "binary"     // a field of a form that is no text
	location   = "location"   // a picture that may say where it was made, in a way that can't be taken out
)

var own = []string{malware, unscanned, tooLarge, tooMany, badForm, notForm, encoded, partial, badType, binaryText, location}

// findings are all there are.
var findings = func() []string {
	all := slices.Clone(own)
	for _, r := range inspect.Rules() {
		all = append(all, string(r))
	}
	return all
}()
