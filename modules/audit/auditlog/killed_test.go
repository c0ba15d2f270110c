package auditlog

func child() bool { return false }
