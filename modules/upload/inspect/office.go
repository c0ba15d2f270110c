package inspect

// office is a kind of document that is a zip inside.
type office struct {
	kind       string
	part       string // an entry that only it has; empty where the entry mimetype tells it
	extensions []string
}

var offices = []office{
	{"application/vnd.openxmlformats-officedocument.wordprocessingml.document", "word/document.xml", []string{"docx", "docm", "dotx", "dotm"}},
	{"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xl/workbook.xml", []string{"xlsx", "xlsm", "xltx", "xltm", "xlam"}},
	{"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xl/workbook.bin", []string{"xlsb"}},
	{"application/vnd.openxmlformats-officedocument.presentationml.presentation", "ppt/presentation.xml", []string{"pptx", "pptm", "potx", "potm", "ppsx", "ppsm"}},
	{"application/vnd.ms-visio.drawing.main+xml", "visio/document.xml", []string{"vsdx", "vsdm"}},
	{"application/vnd.oasis.opendocument.text", "", []string{"odt"}},
	{"application/vnd.oasis.opendocument.spreadsheet", "", []string{"ods"}},
	{"application/vnd.oasis.opendocument.presentation", "", []string{"odp"}},
	{"application/vnd.oasis.opendocument.graphics", "", []string{"odg"}},
}
