package inspect

import (
	"encoding/binary"
	"errors"
)

var (
	be = binary.BigEndian
	le = binary.LittleEndian
)

// errMalformed says that a file is not what it says that it is.
var errMalformed = errors.New("malformed")

// picture is what a decoder would have to make room for.
type picture struct {
	*window
	t      *task
	f      File
	depth  int
	frames int
	all    int64
	end    int64 // where the image ends; what follows is something else
}

// frame is one of the image: false where no more are looked for.
func (p *picture) frame(w, h int64) bool {
	l := p.t.limits
	p.frames++
	if w <= 0 || h <= 0 {
		p.t.find(Malformed, p.depth, "an image without pixels")
		return true
	}
	if w > l.Side || h > l.Side || w*h > l.Pixels {
		p.t.find(ImageSize, p.depth, "an image of too many pixels")
		return true
	}
	p.all += w * h
	if p.frames > l.Frames || p.all > l.AllPixels {
		p.t.find(ImageFrames, p.depth, "an image of too many frames")
		return false
	}
	return true
}

// picture looks at an image without decoding it.
func (t *task) picture(f File, kind string, depth int) error {
	p := &picture{window: t.window(f), t: t, f: f, depth: depth, end: f.Size}
	var err error
	switch kind {
	case typePNG:
		err = p.png()
	case typeJPEG:
		err = p.jpegs()
	case typeGIF:
		err = p.gif()
	case typeWebP:
		err = p.webp()
	case typeBMP:
		err = p.bmp()
	case typeTIFF:
		err = p.tiff()
	case typeIcon:
		err = p.icon()
	case typePSD:
		err = p.psd()
	case "image/heic", "image/heif", "image/heic-sequence", "image/heif-sequence", "image/avif":
		err = p.heif()
	case "image/jp2", "image/jpx", "image/jpm":
		err = p.jp2()
	default:
		if !drawing(kind) && !exactly(t.limits.Types, kind) {
			t.find(ImageSize, depth, "an image whose dimensions can't be told")
		}
		return nil
	}
	if errors.Is(err, errMalformed) || errors.Is(err, errShort) {
		t.find(Malformed, depth, "an image that is malformed")
		return nil
	}
	if err != nil {
		return err
	}
	return p.trailing()
}

// drawing tells the images that have no pixels.
func drawing(kind string) bool {
	return kind == typeSVG || kind == "image/vnd.dwg" || kind == "image/vnd.dxf"
}

func exactly(list []string, kind string) bool {
	for _, t := range list {
		if t == kind {
			return true
		}
	}
	return false
}

// trailing looks at what follows an image: cameras append videos and previews, others programs.
func (p *picture) trailing() error {
	n := p.size - p.end
	if n <= 0 {
		return nil
	}
	head, err := p.at(p.end, int(min(n, headSize)))
	if err != nil {
		return err
	}
	for len(head) > 0 && head[0] == 0 { // padding
		head = head[1:]
	}
	if len(head) == 0 && n <= headSize {
		return nil
	}
	switch kind := detect(head); {
	case executable(kind) || opaque(kind) || archive(kind) || kind == typePDF || markup(kind) || sniffsAsHTML(head):
		p.t.find(Polyglot, p.depth, "a file of another type follows the image")
	default:
		p.t.find(Trailing, p.depth, "bytes follow the image")
	}
	return nil
}
