package inspect

import (
	"bytes"
	"compress/zlib"
	"strings"
	"testing"
)

func deflated(t testing.TB, s string) string {
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	_, err := w.Write([]byte(s))
	must(t, err)
	must(t, w.Close())
	return b.String()
}

func TestSVGThatRuns(t *testing.T) {
	in := func(s string) string { return svgStart + s + "</svg>" }
	for _, c := range []struct {
		content string
		rule    Rule
	}{
		{in(`<script>alert(1)</script>`), Script}, {in(`<SCRIPT/>`), Script}, {`<s:svg xmlns:s="http://www.w3.org/2000/svg"><s:script/></s:svg>`, Script}, {in(`<x:script xmlns:x="http://www.w3.org/1999/xhtml"/>`), Script},
		{`<svg onload="alert(1)" xmlns="http://www.w3.org/2000/svg"/>`, Script}, {in(`<rect onClick="a"/>`), Script}, {in(`<foreignObject><body xmlns="http://www.w3.org/1999/xhtml"/></foreignObject>`), Script},
		{in(`<iframe/>`), Script}, {in(`<a href="javascript:alert(1)"/>`), Script}, {in(`<a xlink:href="java&#x0A;script:alert(1)"/>`), Script}, {in(`<a href="&#106;avascript:alert(1)"/>`), Script}, {in(`<a href=" JaVaScRiPt:alert(1)"/>`), Script},
		{in(`<use href="data:image/svg+xml;base64,PHN2Zz4="/>`), Script}, {in(`<image href="data:text/html,x"/>`), Script}, {in(`<set attributeName="href" to="x"/>`), Script}, {in(`<animate attributeName="onclick" values="a"/>`), Script},
		{in(`<animate attributeName="x" values="javascript:alert(1)"/>`), Script}, {in(`<style>a{background:url("javascript:alert(1)")}</style>`), Script}, {in(`<style>a{b:expr/**/ession(1)}</style>`), Script}, {in(`<rect style="-moz-binding:url(#a)"/>`), Script},
		{in("<style>" + strings.Repeat("a{b:c}", 200_000) + "</style>"), MarkupSize}, {in(`<handler/>`), Script}, {in(`<?php echo 1 ?>`), Script}, {in(`<image href="https://example.org/a.png"/>`), External}, {in(`<use xlink:href="//example.org/a.svg#b"/>`), External}, {in(`<use href="other.svg#a"/>`), External},
		{in(`<style>@import "https://example.org/a.css";</style>`), External}, {in(`<style>a{fill:u\72l(https://example.org/a)}</style>`), External}, {in(`<rect fill="url(https://example.org/a.svg#b)"/>`), External}, {in(`<g xml:base="https://example.org/"/>`), External},
		{`<?xml-stylesheet href="a.css"?>` + in(``), External}, {`<!DOCTYPE svg [<!ENTITY a "b">]>` + in(`&a;`), Entity}, {`<!DOCTYPE svg [<!ENTITY a SYSTEM "file:///etc/passwd">]>` + in(``), Entity}, {`<!DOCTYPE svg [<!ENTITY % a SYSTEM "x"> %a;]>` + in(``), Entity},
		{svgStart, Malformed}, {in(`&nbsp;`), Malformed}, {in(strings.Repeat("<g>", 300) + strings.Repeat("</g>", 300)), Malformed}, {`<svg xmlns="http://www.w3.org/2000/svg" ` + manyAttributes(30_000) + `/>`, Malformed},
		{`<?xml version="1.0" encoding="utf-7"?>` + in(""), Malformed}, {in(strings.Repeat(" ", 9<<20)), MarkupSize}, {"\xff\xfe" + string(wide16(in(`<script/>`))), Script}, {"\xef\xbb\xbf" + in(`<script/>`), Script},
	} {
		_, found := check(t, Limits{}, "a.svg", "", c.content)
		finds(t, c.content[:min(len(c.content), 160)], found, c.rule)
	}
	_, found := check(t, Limits{}, "a.svgz", "", gzipped(t, in(`<script/>`)))
	finds(t, "compressed", found, Script)
	_, found = check(t, Limits{}, "a.xml", "", `<?xml version="1.0"?><a><s:script xmlns:s="http://www.w3.org/1999/xhtml">alert(1)</s:script></a>`)
	finds(t, "a script in XML", found, Script)
	_, found = check(t, Limits{}, "a.xml", "", `<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><a/>`)
	finds(t, "entities in XML", found, Entity)
	_, found = check(t, Limits{}, "a.svg", "", in(`<image href="data:image/png;base64,`+strings.Repeat("A", 100_000)+`=="/><style>a{fill:url(#b)} @font-face{src:url(data:font/woff2;base64,AA)}</style>`))
	clean(t, "a picture and a font within", found)
}

func manyAttributes(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(" a" + strings.Repeat("b", i%7) + `=""`)
	}
	return b.String()
}

func TestDocuments(t *testing.T) {
	rels := func(kind string) []string {
		return []string{"word/_rels/document.xml.rels", `<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/` + kind + `" Target="https://example.org/a" TargetMode="External"/></Relationships>`}
	}
	ole := "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + strings.Repeat("\x00", 600)
	for _, c := range []struct {
		what, content string
		rule          Rule
	}{
		{"macros", docx(t, "word/vbaProject.bin", ole), Macro}, {"macros by another name", docx(t, "word/a.xml", `<?xml version="1.0"?><Override ContentType="application/vnd.ms-office.vbaProject"/>`), Macro},
		{"OpenDocument's macros", storedZip(t, "mimetype", "application/vnd.oasis.opendocument.text", "Basic/Standard/a.xml", "<a/>"), Macro}, {"macro sheets", docx(t, "xl/macrosheets/sheet1.xml", "<a/>"), Macro},
		{"DDE", docx(t, "word/a.xml", `<?xml version="1.0"?><a>DDEAUTO c:\\windows</a>`), Macro}, {"older macros", ole + string(wide16("_VBA_PROJECT")), Macro}, {"older macros across pieces", ole + strings.Repeat("x", scanSize-620) + string(wide16("_VBA_PROJECT")), Macro},
		{"a file within", docx(t, "word/embeddings/oleObject1.bin", ole), Embedded}, {"an older file within", ole + string(wide16("\x01Ole10Native")), Embedded}, {"RTF with a file", `{\rtf1{\object\objemb{\*\objdata 0105}}}`, Embedded},
		{"template from elsewhere", docx(t, rels("attachedTemplate")...), External}, {"RTF's template", `{\rtf1{\*\template https://example.org/a}}`, External}, {"entities", docx(t, "word/a.xml", `<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><a/>`), Entity},
		{"encrypted", ole + string(wide16("EncryptedPackage")), Encrypted},
	} {
		_, found := check(t, Limits{}, "a", "", c.content)
		finds(t, c.what, found, c.rule)
	}
	_, found := check(t, Limits{}, "a.docx", "", docx(t, rels("hyperlink")...))
	if len(found) > 0 {
		t.Errorf("a link: %s", rules(found))
	}
}

func TestPDFThatActs(t *testing.T) {
	with := func(s string) string { return strings.Replace(pdfFile, "/Type /Catalog", "/Type /Catalog "+s, 1) }
	objects := func(filter, s string) string {
		return with("") + "3 0 obj\n<< /Type /ObjStm /N 1 /First 4 " + filter + " >>\nstream\r\n" + s + "\nendstream\nendobj\n"
	}
	for _, c := range []struct {
		what, content string
		rule          Rule
	}{
		{"JavaScript", with("/OpenAction << /S /JavaScript /JS (app.alert(1)) >>"), PDFScript}, {"escaped", with("/OpenAction << /S /J#61vaScr#69pt /JS (a) >>"), PDFScript},
		{"in an object stream", objects("/Filter /FlateDecode", deflated(t, "1 0 << /S /JavaScript >>")), PDFScript}, {"in a stream that is none", with("") + "stream\n4 0 obj << /S /JavaScript >>", PDFScript},
		{"in a string that does not end", with("(") + "<< /S/JavaScript>>", PDFScript}, {"at the end", with("") + "/JavaScript", PDFScript},
		{"launch", with("/OpenAction << /S /Launch /F (cmd.exe) >>"), PDFAction}, {"a form", with("/S /SubmitForm"), PDFAction}, {"a file", with("/EmbeddedFiles 1 0 R"), Embedded}, {"encrypted", with("/Encrypt 1 0 R"), Encrypted},
		{"an object stream in another code", objects("/Filter /LZWDecode", "\x80\x0b\x60\x50"), Encrypted}, {"an object stream that unpacks", objects("/Filter /FlateDecode", deflated(t, strings.Repeat("\x00", 20<<20))), ArchiveRatio},
	} {
		_, found := check(t, Limits{}, "a.pdf", "", c.content)
		finds(t, c.what, found, c.rule)
	}
	_, found := check(t, Limits{}, "a.pdf", "", with("/OpenAction [ 3 0 R /XYZ 0 0 0 ] /Title (about /J avaScript)"))
	if len(found) > 0 {
		t.Errorf("a PDF that opens at a page: %s", rules(found))
	}
}
