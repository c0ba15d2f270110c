package protect

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
)

// maxWindow bounds the memory of one decoder.
const maxWindow = 8 << 20

var errEncodingUnknown = errors.New("the back end compressed its answer in a way that is not known")

// decode is a body without its compression, which was not asked for, of at most max bytes: a bomb is no answer.
func decode(body []byte, encoding string, max int64) (out []byte, err error) {
	var r io.Reader = bytes.NewReader(body)
	switch encoding {
	case "":
		return body, nil
	case "gzip", "x-gzip":
		r, err = gzip.NewReader(r)
	case "deflate": // RFC 9110 section 8.4.1.2: with the header of zlib
		r, err = zlib.NewReader(r)
	case "br":
		r = brotli.NewReader(r)
	case "zstd":
		var z *zstd.Decoder
		z, err = zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderMaxMemory(uint64(max)+maxWindow))
		if err == nil {
			defer z.Close()
			r = z
		}
	default:
		return nil, errEncodingUnknown
	}
	if err != nil {
		return nil, errDecoded(encoding, err)
	}
	out, err = io.ReadAll(io.LimitReader(r, max+1))
	switch {
	case err != nil:
		return nil, errDecoded(encoding, err)
	case int64(len(out)) > max:
		return nil, errLong
	}
	return out, nil
}
