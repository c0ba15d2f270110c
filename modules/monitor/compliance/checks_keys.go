package compliance

import "github.com/convosphere/gateway/modules/internal/inforce"

// keyChecks are of keys.
var keyChecks = []Check{
	{"key-rotation", "Keys that sign tokens are replaced at least every 90 days", "In gateway: key_rotation 30d, or `convosphere keys rotate` from time to time.", lookRotation},
	{"master-key", "The key that wraps all others of encrypted data is kept apart from the gateway's own files", "In gateway: data_keys { master file … }, env or vault, then `convosphere keys rewrap`.", lookMaster},
	{"data-keys", "Keys of encrypted data are rotated within a year", "`convosphere keys rotate --set NAME`", lookDataKeys},
}

func lookRotation(f *Facts) Outcome {
	return from(f, "gateway", func(t inforce.Tree) Outcome {
		if every := inforce.Age(t, "key_rotation"); every > 0 && every <= 90*day {
			return met("every %d days", every/day)
		}
		k := f.Keys
		switch {
		case k == nil || k.Since.IsZero():
			return notMet("they are not replaced by themselves, and since when the present one signs is not known")
		case f.At.Sub(k.Since) > 90*day:
			return notMet("the present one signs since %d days", f.At.Sub(k.Since)/day)
		}
		return met("the present one signs since %d days, replaced by an operator", f.At.Sub(k.Since)/day)
	})
}

func lookMaster(f *Facts) Outcome {
	return from(f, "gateway", func(t inforce.Tree) Outcome {
		kind := inforce.Text(t, "data_keys.master.type")
		switch {
		case !encrypts(f) && (f.DataKeys == nil || f.DataKeys.Sets == 0):
			return notApplicable("nothing is encrypted for an application")
		case kind == "" || kind == "keyring":
			return notMet("it is the key ring, a folder of the gateway's")
		}
		return met("it is of type %s", kind)
	})
}

func lookDataKeys(f *Facts) Outcome {
	k := f.DataKeys
	switch {
	case k == nil:
		return unknown("they can't be read")
	case k.Sets == 0:
		return notApplicable("there are none")
	case f.At.Sub(k.Oldest) > 366*day:
		return notMet("one of %d was not rotated for %d days", k.Sets, f.At.Sub(k.Oldest)/day)
	}
	return met("all of %d were made or rotated within a year", k.Sets)
}
