package gateway

import (
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/convosphere/gateway/modules/gateway/backup"
	"github.com/convosphere/gateway/modules/gateway/doctor"
)

// backups looks at what a schedule has written, and whether its key is there.
func (p *patient) backups() {
	b := p.app.Backup
	if b == nil {
		return
	}
	if err := b.fill(); err != nil {
		p.fail("backup", "mend what is named", err)
		return
	}
	if _, err := b.secret(); err != nil {
		p.fail("backup-key", "put the key there; without it no backup can be made or read", err)
	}
	files, err := backup.List(b.Folder)
	if err != nil {
		p.fail("backup", "give the folder to the gateway's user", err)
		return
	}
	if s, err := doctor.SpaceOf(b.Folder); err == nil {
		need := uint64(0)
		if len(files) > 0 {
			need = uint64(files[0].Size)
		}
		p.add(doctor.Room("backup-disk", b.Folder, s, need))
	} else if errors.Is(err, fs.ErrNotExist) {
		p.add(doctor.Finding{Check: "backup-disk", State: doctor.Warn, Text: b.Folder + " is not there yet", Do: "see that the disk is mounted: the gateway makes the folder with its first backup"})
	}
	if len(files) == 0 {
		p.add(doctor.Finding{Check: "backup", State: doctor.Warn, Text: "there is no backup in " + b.Folder, Do: "look at the view `backups` and the gateway's log"})
		return
	}
	age := p.now.Sub(files[0].Made)
	f := doctor.Finding{Check: "backup", State: doctor.OK, Text: fmt.Sprintf("the newest is %s old", age.Round(time.Minute))}
	if age > 2*b.every() {
		f.State, f.Do = doctor.Fail, "look at the view `backups` and the gateway's log for why none is made"
	}
	p.add(f)
}
