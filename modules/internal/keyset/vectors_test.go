package keyset

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"testing"

	"github.com/c2sp/wycheproof"
	"github.com/tink-crypto/tink-go/v2/prf"
)

// hexBytes are written in hexadecimal.
type hexBytes []byte

func (h *hexBytes) UnmarshalJSON(b []byte) error {
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return err
	}
	raw, err := hex.DecodeString(s)
	*h = raw
	return err
}

func vectors(t *testing.T, name string, into any) {
	t.Helper()
	raw, err := fs.ReadFile(wycheproof.TestVectors, name)
	if err == nil {
		err = json.Unmarshal(raw, into)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// Wycheproof's vectors of AES-GCM, of the sizes that are used here: what is valid opens, what is not does not.
func TestWycheproofAESGCM(t *testing.T) {
	var all struct {
		TestGroups []struct {
			KeySize, IVSize, TagSize int
			Tests                    []struct {
				TcID                       int
				Key, IV, AAD, Msg, CT, Tag hexBytes
				Result                     string
			}
		}
	}
	vectors(t, "aes_gcm_test.json", &all)
	tried := map[string]int{}
	for _, g := range all.TestGroups {
		if g.KeySize != 8*keyBytes || g.IVSize != 96 || g.TagSize != 128 {
			continue
		}
		for _, v := range g.Tests {
			aead, err := newAEAD(v.Key)
			if err != nil {
				t.Fatal(v.TcID, err)
			}
			tried[v.Result]++
			plain, err := aead.Open(nil, nil, bytes.Join([][]byte{v.IV, v.CT, v.Tag}, nil), v.AAD)
			if (err == nil) != (v.Result == "valid") || err == nil && !bytes.Equal(plain, v.Msg) {
				t.Errorf("%d is %s: %x %v", v.TcID, v.Result, plain, err)
			}
			sealed := aead.Seal(nil, nil, v.Msg, v.AAD)
			if again, err := aead.Open(nil, nil, sealed, v.AAD); err != nil || !bytes.Equal(again, v.Msg) || len(sealed) != len(v.Msg)+Overhead-versionBytes {
				t.Errorf("%d: what was sealed does not open: %v", v.TcID, err)
			}
		}
	}
	if tried["valid"] < 30 || tried["invalid"] < 20 {
		t.Fatalf("only %v were tried", tried)
	}
}

// Wycheproof's vectors of HKDF-SHA256, of those without a salt, as keys are derived here.
func TestWycheproofHKDF(t *testing.T) {
	var all struct {
		TestGroups []struct {
			Tests []struct {
				TcID                 int
				IKM, Salt, Info, OKM hexBytes
				Size                 int
				Result               string
			}
		}
	}
	vectors(t, "hkdf_sha256_test.json", &all)
	tried := map[string]int{}
	for _, g := range all.TestGroups {
		for _, v := range g.Tests {
			if len(v.Salt) != 0 {
				continue
			}
			tried[v.Result]++
			okm, err := derive(v.IKM, string(v.Info), v.Size)
			if (err == nil) != (v.Result == "valid") || err == nil && !bytes.Equal(okm, v.OKM) {
				t.Errorf("%d is %s: %x %v", v.TcID, v.Result, okm, err)
			}
		}
	}
	if tried["valid"] < 20 {
		t.Fatalf("only %v were tried", tried)
	}
	if _, err := derive(make([]byte, keyBytes), "", 255*32+1); err == nil { // its invalid ones all have a salt
		t.Error("more is derived than HKDF gives")
	}
}

// Keys are derived as Tink derives them from the same key set: another program with Tink gets at them, given the set.
func TestKeysAreTinksOwn(t *testing.T) {
	h, index, err := generate()
	if err != nil {
		t.Fatal(err)
	}
	m, err := open(h, index)
	if err != nil {
		t.Fatal(err)
	}
	set, err := prf.NewPRFSet(h)
	if err != nil {
		t.Fatal(err)
	}
	if set.PrimaryID != m.primary || len(set.PRFs) != 2 || len(m.versions) != 1 {
		t.Fatalf("%d and %d of %d", set.PrimaryID, m.primary, len(set.PRFs))
	}
	for id, raw := range map[uint32][]byte{m.primary: m.versions[m.primary], index: m.index} {
		want, err := set.PRFs[id].ComputePRF([]byte(forField+"text"), keyBytes)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := derive(raw, forField+"text", keyBytes); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%x, Tink: %x %v", got, want, err)
		}
	}
}

// What was wrapped is read as it was written, and nothing else is read at all.
func FuzzUnpack(f *testing.F) {
	f.Add([]byte("gwks1"), []byte{})
	f.Add([]byte("gwks1\x00\x01a\x00\x01b\x00\x00\x00\x01"), []byte("b"))
	f.Add([]byte("gwks1\xff\xff"), []byte("name"))
	f.Fuzz(func(t *testing.T, b, name []byte) {
		h, index, err := unpack(b, "a", string(name))
		if err != nil {
			return
		}
		if _, err := open(h, index); err != nil {
			return
		}
		again, err := packed("a", string(name), index, h)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := unpack(again, "a", string(name)); err != nil {
			t.Fatal(err)
		}
	})
}
